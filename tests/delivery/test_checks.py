"""`check` and `test`: every step runs, one bad step fails the whole."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

import pytest

from delivery import checks
from delivery.failure import Failure
from tests.tools.pythons import Python, pythons


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
    """All checks, then the tests on all cores, then those that need the machine for themselves, one by one."""
    checks.run(tmp_path, [], long=False)

    assert sorted(command[0] for command in runs.commands[:4]) == ["lint-imports", "mypy", "ruff", "ruff"]
    together, alone = runs.commands[4:]
    assert (together[0], alone[0]) == ("pytest", "pytest")
    assert "-n" in together
    assert together[-1] == "not alone and not long"
    assert "-n" not in alone
    assert alone[-1] == "alone and not long"


def test_long_tests_are_asked_for(runs: Runs, tmp_path: Path) -> None:
    """With --long nothing is left out."""
    checks.run(tmp_path, [], long=True)

    assert [command[-1] for command in runs.commands[4:]] == ["not alone", "alone"]


def test_check_runs_no_tests(runs: Runs, tmp_path: Path) -> None:
    """`check` is what takes seconds, prose included."""
    checks.check(tmp_path)

    assert sorted(command[0] for command in runs.commands) == ["lint-imports", "mypy", "pytest", "ruff", "ruff"]
    assert next(command for command in runs.commands if command[0] == "pytest")[1:] == [
        "tests/test_prose.py",
        "tests/delivery/test_docs.py",
    ]


def test_every_selection_has_tests() -> None:
    """Neither half of a run is empty: pytest would call that a failure."""
    asked = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-m", "alone and not long", "tests/api"]

    collected = subprocess.run(asked, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False)

    assert collected.returncode == 0, collected.stdout


def test_one_bad_step_fails_the_whole_but_stops_nothing(
    runs: Runs, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Everything that is wrong is told in one run, with bounded output."""
    runs.failing = ("mypy", "pytest")

    with pytest.raises(Failure, match="failed: mypy, tests side by side, tests that need the machine alone"):
        checks.run(tmp_path, [], long=False)

    assert len(runs.commands) == 6
    assert "… 40 lines left out" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("condition", "passes"),
    [("hasattr(request.config, 'workerinput')", True), ("True", False)],
    ids=["beside others", "always"],
)
def test_few_failed_tests_have_one_more_try_alone(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], condition: str, passes: bool
) -> None:
    """A test that only other tests disturb fails no run, and is named; one that fails by itself too does."""
    (tmp_path / "test_it.py").write_text(f"def test_good(): pass\ndef test_bad(request): assert not {condition}\n")

    failed = checks.side_by_side(tmp_path, 1, "not alone")

    told = "failed beside others and passed alone: test_it.py::test_bad"
    assert (told in capfd.readouterr().err) is passes
    assert failed == ([] if passes else ["tests side by side"])


def test_many_failed_tests_have_no_other_try(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """What fails by the dozen was not disturbed."""
    (tmp_path / "test_it.py").write_text("\n".join(f"def test_{number}(): assert False" for number in range(6)))

    assert checks.side_by_side(tmp_path, 1, "not alone") == ["tests side by side"]
    assert capfd.readouterr().out.count("6 failed") == 1


def test_a_run_that_was_cut_short_has_no_other_try(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """One failed test says nothing of those that never ran."""
    (tmp_path / "test_it.py").write_text(
        "def test_bad(request): assert not hasattr(request.config, 'workerinput')\ndef test_end(): raise KeyboardInterrupt\n"
    )

    assert checks.side_by_side(tmp_path, 1, "not alone") == ["tests side by side"]
    assert "each by itself" not in capfd.readouterr().err


def test_tells_how_long_it_may_take(runs: Runs, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The first run says what to expect, the next one what the last good one took; a failed one is no measure."""
    checks.run(tmp_path, [], long=False)
    runs.failing = ("mypy",)
    with pytest.raises(Failure):
        checks.run(tmp_path, [], long=True)

    told = [line for line in capsys.readouterr().err.splitlines() if line.startswith("checks, then tests on ")]
    assert "about 15 minutes" in told[0]
    assert "about 15 minutes" in told[1]
    runs.failing = ()
    checks.run(tmp_path, [], long=False)
    assert "last time it took 0 min 0 s" in capsys.readouterr().err


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A git repository with one test that passes and one committed file that is badly formatted."""
    (tmp_path / "test_it.py").write_text('def test_it() -> None:\n    assert "a" == "a"\n')
    (tmp_path / "old.py").write_text("x   =   1\n")
    for command in (["init", "-q"], ["add", "."], ["-c", "user.name=a", "-c", "user.email=b", "commit", "-qm", "c"]):
        subprocess.run(["git", *command], cwd=tmp_path, check=True)
    return tmp_path


def test_arguments_are_for_pytest(repository: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A person who names a test waits for nothing else, as long as no file has changed."""
    checks.run(repository, ["test_it.py"], long=False)

    assert "ruff" not in capfd.readouterr().err


@pytest.mark.parametrize("staged", [False, True])
def test_changed_files_are_checked_beside_the_tests_that_are_named(
    repository: Path, capfd: pytest.CaptureFixture[str], staged: bool
) -> None:
    """The files that differ from the last commit are checked, and only these; the tests run all the same."""
    (repository / "new.py").write_text("y   =   1\n")
    if staged:
        subprocess.run(["git", "add", "new.py"], cwd=repository, check=True)

    with pytest.raises(Failure, match=re.escape("failed: ruff format --check.")) as raised:
        checks.run(repository, ["test_it.py"], long=False)
    assert raised.value.hint == ".venv/bin/ruff format . formats the tree"

    told = capfd.readouterr()
    assert "new.py" in told.err
    assert "old.py" not in told.err
    assert "1 passed" in told.out


def test_a_selection_of_nothing_fails(repository: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A misspelt name is no success, and is told."""
    with pytest.raises(Failure, match="failed: pytest: no test matched") as raised:
        checks.run(repository, ["test_it.py", "-k", "misspelt"], long=False)
    assert raised.value.hint == "./trimaran test --collect-only lists what there is"
    assert "pytest: no test matched, " in capfd.readouterr().err

    (repository / "test_it.py").write_text("def test_it() -> None:\n    raise AssertionError\n")
    with pytest.raises(Failure, match=r"failed: .*pytest\.$") as raised:
        checks.run(repository, ["test_it.py"], long=False)
    assert raised.value.hint == "./trimaran test PATH -k NAME runs one test"


COLLECTED_WHILE_PARSING = """
import ast, gc

class Cycle:
    def __init__(self):
        self.me = self

    def __del__(self):
        ast.parse("a + b")
        Cycle()

gc.set_threshold(50)
Cycle()

def fail(depth):
    assert depth
    fail(depth - 1)

def test_fails():
    fail(60)

def test_passes():
    del Cycle.__del__
"""


@pytest.mark.parametrize(
    "python", [each for each in pythons() if each.version[:2] == sys.version_info[:2]], ids=lambda each: str(each)
)
def test_a_failed_test_ends_no_run(tmp_path: Path, python: Python) -> None:
    """Also on a Python that cannot parse a file while its garbage is collected: the failure is told and the next test runs."""
    (tmp_path / "test_it.py").write_text(COLLECTED_WHILE_PARSING)
    command = [str(python.path), "-m", "pytest", "-p", "no:cacheprovider", checks.traceback_style(python.version)]

    done = subprocess.run(
        command,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": sysconfig.get_path("purelib")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert "1 failed, 1 passed" in done.stdout, done.stdout + done.stderr
    assert "assert depth" in done.stdout


@pytest.mark.parametrize(
    ("python", "style"),
    [
        ((3, 11, 7), "native"),
        ((3, 11, 8), "short"),
        ((3, 12, 1), "native"),
        ((3, 12, 2), "short"),
        ((3, 13, 0), "short"),
    ],
)
def test_tracebacks_are_short_where_python_can(python: tuple[int, ...], style: str) -> None:
    """Only an affected Python shows its own, longer ones."""
    assert checks.traceback_style(python) == f"--tb={style}"
