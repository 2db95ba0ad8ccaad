"""The rules as a section of a rehearsal: judged on the plan, without the pack, which would end it at the first violation."""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterator

from delivery.failure import ExitCode
from delivery.rehearsal.sections import Judged, RehearsedPlan
from policies.context import Context
from policies.exceptions import ExceptionsError, current
from policies.judging import Report, bearing, judge
from policies.preview import planned_in
from policies.rule import Level
from policies.rules import ids


class PoliciesSection:
    """Holds every rule against a rehearsed plan."""

    name = "policies"

    def reads(self) -> Iterator[tuple[str, str]]:
        """(type, path) of every input that a rule reads, without list positions."""
        for type_, paths in bearing().items():
            yield from ((type_, path.replace("[]", "")) for path in paths)

    def judge(self, planned: RehearsedPlan) -> Judged:
        """The rules' report on a plan."""
        try:
            exceptions = current(ids())
        except ExceptionsError as error:
            told = str(error)
            return Judged(value={"error": told}, lines=(told,), refusals=(told,), exit_code=ExitCode.USAGE)
        config = {key: value if isinstance(value, str) else json.dumps(value) for key, value in planned.config.items()}
        context = Context.of(planned.stack, config, datetime.date.today(), exceptions)
        report = judge(planned_in(planned.digest), context)
        refusals = [each.message for each in report.violations if each.level is Level.MANDATORY]
        return Judged(value=report.as_json(), lines=lines_of(report), refusals=refusals)


def lines_of(report: Report) -> list[str]:
    """A report for people: the count, then each violation, exception and rule that could not decide."""
    count = len(report.violations)
    lines = [f"{len(report.rules)} rules, {count} violation{'s' * (count != 1)}"]
    lines += (f"{each.level}: {each.message} [{each.rule}]" for each in report.violations)
    lines += (f"excepted: {each.message} [{each.rule}]" for each in report.excepted)
    lines += (f"undecided: {each.message} [{each.rule}]" for each in report.undecided)
    return lines
