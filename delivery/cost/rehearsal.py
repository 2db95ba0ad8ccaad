"""The cost of a plan as a section of a rehearsal: its JSON, its lines, and whether the stack's own limit says no."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from cost.amounts import Case
from cost.estimate import estimate_of
from cost.families import bearing
from cost.gates import Gates, budget_of, judge
from cost.report import values
from cost.rows import change_text, summary, total_text
from delivery.failure import ExitCode
from plan import document


def rehearsal_section(preview: Mapping[str, Any]) -> dict[str, Any]:
    """What the preview that was rehearsed would cost; `digest` is the engine's own document."""
    plan = document.read(preview["digest"])
    estimate = estimate_of(plan)
    case = Case.EXPECTED
    verdict = judge(estimate, Gates(budget_usd=budget_of(plan.config)), case)
    total = f"{total_text(estimate.total('after'))} a month ({change_text(estimate, case)})"
    hint = f"line by line: ./trimaran cost {preview['stack']} --rehearsed"
    return {
        "json": values(estimate, case),
        "lines": [total, *summary(estimate), *verdict.blind, hint],
        "failures": list(verdict.refused),
        "exit_code": ExitCode.GATE_SAID_NO if verdict.refused else ExitCode.DONE,
    }


def reads() -> Iterator[tuple[str, str]]:
    """Every input that money depends on, without list positions."""
    return ((type_, path.replace("[]", "")) for type_, paths in bearing().items() for path in paths)
