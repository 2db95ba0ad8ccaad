"""What came of a suite's tests, and whether that is what its table says: strictly, so that no entry outlives its reason."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from tests.clients.suite import Failing, Suite

_SHOWN = 600  # characters of a failure: its last ones


@dataclass(frozen=True, slots=True)
class Outcome:
    """``failure``: all that a failed test says, else empty. ``ran``: false where it was skipped."""

    test: str
    failure: str = ""
    ran: bool = True

    @property
    def passed(self) -> bool:
        return self.ran and not self.failure


def read(report: Path) -> list[Outcome]:
    """The outcomes in pytest's JUnit report."""
    return [_outcome(case) for case in ElementTree.parse(report).iter("testcase")]


def _outcome(case: ElementTree.Element) -> Outcome:
    test = f"{case.get('classname')}::{case.get('name')}"
    failures = [f"{bad.get('message')}\n{bad.text}" for kind in ("failure", "error") for bad in case.iter(kind)]
    return Outcome(test, "\n".join(failures), case.find("skipped") is None)


def complaints(suite: Suite, outcomes: Sequence[Outcome]) -> list[str]:
    """Where the outcomes are not those of the table: nothing, if all is as it should be."""
    found = [complaint for outcome in outcomes for complaint in _of_one(suite, outcome)]
    found += [
        f"none of the tests that ran is called '{each.named}'"
        for each in suite.failing
        if not any(outcome.ran and re.search(each.named, outcome.test) for outcome in outcomes)
    ]
    passed = sum(outcome.passed for outcome in outcomes)
    if passed != suite.passing:
        found.append(f"{passed} passed instead of {suite.passing}; {_counts(outcomes)}")
    return found


def _of_one(suite: Suite, outcome: Outcome) -> Iterator[str]:
    expected = [each for each in suite.failing if re.search(each.named, outcome.test)]
    if outcome.failure and not any(each.says in outcome.failure for each in expected):
        yield f"{outcome.test} failed: {outcome.failure[-_SHOWN:]}"
    if outcome.passed and expected:
        yield f"{outcome.test} passes, and is in the table of those that fail: {_why(expected)}"


def _why(expected: Sequence[Failing]) -> str:
    return "; ".join(each.why for each in expected)


def _counts(outcomes: Sequence[Outcome]) -> str:
    kinds = Counter("skipped" if not each.ran else "failed" if each.failure else "passed" for each in outcomes)
    return ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
