"""What a person sees of the engine's work."""

from __future__ import annotations

import pytest

from delivery.engine import Event
from delivery.progress import Progress, changed, warning_in

URN = "urn:pulumi:local::trimaran::machine:index:Process::app-1"


def step(operation: str, kind: str, type_: str = "machine:index:Process", new: object = "x") -> Event:
    return {kind: {"metadata": {"op": operation, "urn": URN, "type": type_, "new": new}}}


@pytest.mark.parametrize(
    ("operation", "kind", "line"),
    [
        ("create", "resOutputsEvent", "  + app-1 created (1.5 s)\n"),
        ("update", "resOutputsEvent", "  ~ app-1 updated (1.5 s)\n"),
        ("delete", "resOutputsEvent", "  - app-1 deleted (1.5 s)\n"),
        ("create-replacement", "resOutputsEvent", "  + app-1 created, replaces the old one (1.5 s)\n"),
        ("create", "resOpFailedEvent", "  ! app-1 failed while creating (1.5 s)\n"),
        ("same", "resOutputsEvent", ""),
        ("refresh", "resOutputsEvent", ""),
    ],
)
def test_a_change_is_one_line_with_its_time(
    operation: str, kind: str, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """On stderr; what did not change is not shown."""
    times = iter([0.0, 1.5, 1.5])
    progress = Progress(clock=lambda: next(times))

    progress.show(step(operation, "resourcePreEvent"))
    progress.show(step(operation, kind))

    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", line)


def test_what_had_died_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    """The refresh finds it gone; the next lines heal it."""
    Progress().show(step("refresh", "resOutputsEvent", new=None))

    assert capsys.readouterr().err == "  ! app-1 was gone\n"


@pytest.mark.parametrize("type_", ["pulumi:pulumi:Stack", "pulumi:providers:machine"])
def test_the_engines_own_resources_are_not_shown(type_: str, capsys: pytest.CaptureFixture[str]) -> None:
    """They are nothing a person asked for."""
    Progress().show(step("create", "resOutputsEvent", type_))

    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("severity", "message", "shown"),
    [
        ("warning", "something\n", "something"),
        ("warning", "using pulumi-language-python from $PATH at x\n", ""),
        ("debug", "registering resource", ""),
        ("error", "shown at the end", ""),
    ],
)
def test_warnings_are_shown(severity: str, message: str, shown: str) -> None:
    """Except the remark on where the language host was found."""
    assert warning_in({"diagnosticEvent": {"severity": severity, "message": message}}) == shown


@pytest.mark.parametrize(
    ("summaries", "expected"),
    [([], False), ([{"same": 3}], False), ([{"same": 2, "create": 1}], True), ([{"same": 1, "delete": 0}], False)],
)
def test_no_changes_is_the_engines_own_summary(summaries: list[dict[str, int]], expected: bool) -> None:
    """Only then `up` says so."""
    assert changed([{"summaryEvent": {"resourceChanges": each}} for each in summaries]) is expected
