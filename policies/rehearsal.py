"""The rules as a section of a rehearsal, which plugs it in by this module's name: judged on the plan, without the pack."""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from catalog.clouds import also_known_as
from plan.document import read
from policies.context import Context
from policies.coverage import bearing
from policies.exceptions import ExceptionsError, current
from policies.judging import Report, by_message, judge
from policies.rules import ids

_USAGE = 2
_GATE_SAID_NO = 3


class Plan(Protocol):
    """What a rehearsal has planned; `digest` is the document that `pulumi preview --json --show-sames` prints."""

    @property
    def stack(self) -> str: ...
    @property
    def config(self) -> Mapping[str, Any]: ...
    @property
    def digest(self) -> Mapping[str, Any]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A section's result: `value` for --json, `lines` to print, `refusals` that end the command with `exit_code`."""

    value: Any
    lines: Sequence[str]
    refusals: Sequence[str] = ()
    exit_code: int = _GATE_SAID_NO


class PoliciesSection:
    """Holds every rule against a rehearsed plan."""

    def preview_arguments(self, root: Path, stack: str) -> Sequence[str]:
        """Nothing: a pack would end the preview at the first violation, and there would be no plan to judge further."""
        return ()

    def reads(self) -> Iterator[tuple[str, str]]:
        """(type, path) of every input that a rule reads, without list positions."""
        for type_, paths in bearing().items():
            yield from ((token, path.replace("[]", "")) for token in also_known_as(type_) for path in paths)

    def judge(self, planned: Plan) -> Judged:
        """The rules' report on a plan."""
        try:
            exceptions = current(ids())
        except ExceptionsError as error:
            return Judged(value={"error": str(error)}, lines=(str(error),), refusals=(str(error),), exit_code=_USAGE)
        config = {key: value if isinstance(value, str) else json.dumps(value) for key, value in planned.config.items()}
        context = Context.of(planned.stack, config, datetime.date.today(), exceptions)
        report = judge(read(planned.digest).after.values(), context)
        return Judged(value=report.as_json(), lines=lines_of(report), refusals=report.refusals)


def section() -> PoliciesSection:
    """The section, as a rehearsal asks for it."""
    return PoliciesSection()


def lines_of(report: Report) -> list[str]:
    """A report for people: the count, then each violation, exception and rule that could not decide."""
    count = len(report.violations)
    lines = [f"{len(report.rules)} rules, {count} violation{'s' * (count != 1)}"]
    lines += (f"{each.level}: {each.message} [{each.rule}]" for each in report.violations)
    lines += (f"excepted: {each.message} [{each.rule}]" for each in report.excepted)
    lines += (f"undecided: {message} [{', '.join(rules)}]" for message, rules in by_message(report.undecided).items())
    return lines
