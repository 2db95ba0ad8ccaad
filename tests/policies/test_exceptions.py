"""Exceptions: whom they let through, until when, and what is said of a file that cannot be used."""

from __future__ import annotations

import datetime

import pytest

from plan.tokens import UNKNOWN
from policies import judge
from policies.exceptions import Excepted, ExceptionsError, current, read
from policies.rules import ids
from tests.policies.aws import reach
from tests.policies.plans import TODAY, context, planned

KEY = planned("aws:kms/key:Key", "main", tags=reach.TAGS)


def excepted(expires: datetime.date = TODAY, /, **changes: str) -> Excepted:
    """An exception for the key."""
    values = {"rule": "key-rotation", "resource": "ma*", "reason": "asymmetric soon", "stack": "*", **changes}
    return Excepted(
        rule=values["rule"],
        resource=values["resource"],
        reason=values["reason"],
        stack=values["stack"],
        expires=expires,
    )


def test_an_exception_holds_until_its_last_day() -> None:
    """And is told."""
    report = judge([KEY], context(exceptions=(excepted(),)))

    assert (report.violations, report.refuses) == ((), False)
    assert [each.rule for each in report.excepted] == ["key-rotation"]


def test_what_could_not_be_decided_is_told_as_excepted_too() -> None:
    """Nobody may think that it was decided; without the exception it is undecided."""
    key = planned("aws:kms/key:Key", "main", tags=reach.TAGS, enableKeyRotation=UNKNOWN)
    message = "main: cannot be decided: enableKeyRotation is not known before the first `up`."

    covered, other = (judge([key], context(exceptions=each)) for each in ((excepted(),), ()))

    assert ([each.message for each in covered.excepted], covered.undecided) == ([message], ())
    assert ([each.message for each in other.undecided], other.excepted) == ([message], ())


def test_one_that_has_run_out_is_a_violation_that_names_it() -> None:
    """Beside the one that it no longer covers."""
    report = judge([KEY], context(exceptions=(excepted(TODAY - datetime.timedelta(days=1)),)))

    assert [each.rule for each in report.violations] == ["key-rotation", "exceptions-in-date"]
    assert (
        "the exception from key-rotation for 'ma*' ended on 2026-11-23 (asymmetric soon)."
        in report.violations[1].message
    )


@pytest.mark.parametrize("other", [{"rule": "log-retention"}, {"resource": "other"}, {"stack": "*-dev"}])
def test_an_exception_is_for_one_rule_one_resource_and_some_stacks(other: dict[str, str]) -> None:
    """Nothing else passes by it."""
    report = judge([KEY], context(exceptions=(excepted(**other),)))

    assert [each.rule for each in report.violations] == ["key-rotation"]


def test_an_exception_of_another_stack_may_run_out_there() -> None:
    """It is that stack's concern."""
    report = judge([], context(exceptions=(excepted(datetime.date(2020, 1, 1), stack="*-dev"),)))

    assert report.violations == ()


ENTRY = "  - {rule: key-rotation, resource: main, reason: soon, expires: 2027-01-31}\n"


def test_a_file_of_exceptions() -> None:
    """Days are written as days."""
    (one,) = read(f"exceptions:\n{ENTRY}", ids(), "file")

    assert one == Excepted(rule="key-rotation", resource="main", reason="soon", expires=datetime.date(2027, 1, 31))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[]", None),
        ("exceptions: []", None),
        ("", None),
        ("exceptions: {}", None),
        ("exceptions: 1", "file must be a map with a list `exceptions`."),
        ("exceptions: [1]", "file, entry 1 must be a map of rule, resource, reason and expires."),
        (f"exceptions:\n{ENTRY.replace('reason: soon, ', '')}", "file, entry 1 lacks reason."),
        (f"exceptions:\n{ENTRY.replace('soon', '')}", "file, entry 1 lacks reason."),
        (f"exceptions:\n{ENTRY.replace('reason', 'because')}", "file, entry 1 has unknown keys: because."),
        (f"exceptions:\n{ENTRY.replace('key-rotation', 'keys')}", "file, entry 1: there is no rule 'keys'."),
        (f"exceptions:\n{ENTRY.replace('2027-01-31', 'never')}", "file, entry 1: expires is 'never'; it must be a day"),
    ],
)
def test_a_file_that_cannot_be_used(text: str, says: str | None) -> None:
    """The entry, what is wrong, what to do; an empty list is none."""
    if says is None:
        assert read(text, ids(), "file") == ()
        return
    with pytest.raises(ExceptionsError) as refused:
        read(text, ids(), "file")
    assert says in str(refused.value)


def test_the_repositorys_own_file_can_be_used() -> None:
    """Whoever edits it hears of a slip here."""
    assert isinstance(current(ids()), tuple)
