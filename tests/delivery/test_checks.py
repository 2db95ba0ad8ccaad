"""`test`: every step runs, one bad step fails the whole."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from delivery import checks
from delivery.failure import Failure


class Runs:
    """Stands in for running a tool; remembers each and fails those it is told to."""

    def __init__(self, *failing: str) -> None:
        self.failing = failing
        self.commands: list[list[str]] = []

    def __call__(self, command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        self.commands.append([Path(command[0]).name, *command[1:]])
        return subprocess.CompletedProcess(command, int(Path(command[0]).name in self.failing), stdout="x\n" * 100)


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> Runs:
    """Every tool passes."""
    made = Runs()
    monkeypatch.setattr(subprocess, "run", made)
    return made


def test_everything_runs_and_pytest_last(runs: Runs, tmp_path: Path) -> None:
    """Its summary is the last thing on stdout."""
    checks.run(tmp_path, [], long=False)

    assert [command[0] for command in runs.commands] == ["ruff", "ruff", "mypy", "lint-imports", "pytest"]
    assert runs.commands[-1][-2:] == ["-m", "not long"]


def test_arguments_are_for_pytest_alone(runs: Runs, tmp_path: Path) -> None:
    """A person who names a test waits for nothing else."""
    checks.run(tmp_path, ["tests/x.py", "-k", "name"], long=True)

    assert [command[0] for command in runs.commands] == ["pytest"]
    assert runs.commands[0][-3:] == ["tests/x.py", "-k", "name"]
    assert "not long" not in runs.commands[0]


def test_one_bad_step_fails_the_whole_but_stops_nothing(
    runs: Runs, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Everything that is wrong is told in one run, with bounded output."""
    runs.failing = ("mypy", "pytest")

    with pytest.raises(Failure, match="failed: mypy, pytest"):
        checks.run(tmp_path, [], long=False)

    assert len(runs.commands) == 5
    assert "… 40 lines left out" in capsys.readouterr().err
