"""The cost of a plan as a section of a rehearsal: its JSON, its lines, and whether the stack's own limit says no."""

from __future__ import annotations

from collections.abc import Iterator

from cost.amounts import Case
from cost.estimate import estimate_of
from cost.families import bearing
from cost.gates import Gates, judge
from cost.report import values
from cost.rows import change_text, summary, total_text
from delivery.rehearsal.sections import RehearsedPlan, SectionResult
from plan.document import read


class CostSection:
    """Estimates a rehearsed plan."""

    name = "cost"

    def reads(self) -> Iterator[tuple[str, str]]:
        """Every input that money depends on, without list positions."""
        return ((type_, path.replace("[]", "")) for type_, paths in bearing().items() for path in paths)

    def judge(self, planned: RehearsedPlan) -> SectionResult:
        """The estimate, in dollars a month, and whether the stack's own limit says no."""
        plan = read(planned.digest)
        estimate = estimate_of(plan)
        case = Case.EXPECTED
        verdict = judge(estimate, Gates().with_those_of(plan.config), case)
        total = f"{total_text(estimate.total('after'))} a month ({change_text(estimate, case)})"
        hint = f"line by line: ./trimaran cost {planned.stack} --rehearsed"
        return SectionResult(
            value=values(estimate, case),
            lines=[total, *summary(estimate), *verdict.blind, hint],
            refusals=list(verdict.refused),
        )
