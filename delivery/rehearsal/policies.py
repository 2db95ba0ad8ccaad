"""The rules as a section of a rehearsal: judged on the plan, without the pack, which would end it at the first violation."""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterator

from catalog.clouds import also_known_as
from delivery.failure import ExitCode
from delivery.rehearsal.sections import RehearsedPlan, SectionResult
from plan.document import read
from policies.context import Context
from policies.coverage import bearing
from policies.exceptions import ExceptionsError, current
from policies.judging import Report, by_message, judge
from policies.rules import ids


class PoliciesSection:
    """Holds every rule against a rehearsed plan."""

    name = "policies"

    def reads(self) -> Iterator[tuple[str, str]]:
        """(type, path) of every input that a rule reads, without list positions."""
        for type_, paths in bearing().items():
            yield from ((token, path.replace("[]", "")) for token in also_known_as(type_) for path in paths)

    def judge(self, planned: RehearsedPlan) -> SectionResult:
        """The rules' report on a plan."""
        try:
            exceptions = current(ids())
        except ExceptionsError as error:
            told = str(error)
            return SectionResult(value={"error": told}, lines=(told,), refusals=(told,), exit_code=ExitCode.USAGE)
        config = {key: value if isinstance(value, str) else json.dumps(value) for key, value in planned.config.items()}
        context = Context.of(planned.stack, config, datetime.date.today(), exceptions)
        report = judge(read(planned.digest).after.values(), context)
        return SectionResult(value=report.as_json(), lines=lines_of(report), refusals=report.refusals)


def lines_of(report: Report) -> list[str]:
    """A report for people: the count, then each violation, exception and rule that could not decide."""
    count = len(report.violations)
    lines = [f"{len(report.rules)} rules, {count} violation{'s' * (count != 1)}"]
    lines += (f"{each.level}: {each.message} [{each.rule}]" for each in report.violations)
    lines += (f"excepted: {each.message} [{each.rule}]" for each in report.excepted)
    lines += (f"undecided: {message} [{', '.join(rules)}]" for message, rules in by_message(report.undecided).items())
    return lines
