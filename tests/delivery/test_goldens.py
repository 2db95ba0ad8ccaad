"""`goldens`: the tests with golden files write them, and no other test runs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from delivery import goldens
from delivery.failure import Failure

ROOT = Path(__file__).parents[2]
CONFTEST = """
from tests.conftest import golden, pytest_addoption, pytest_collection_modifyitems, pytest_sessionfinish
"""
TESTS = """
import pytest
from pathlib import Path

HERE = Path(__file__).parent

def test_with_a_file(golden):
    golden(HERE / "seen.txt", "new\\n")

def test_without():
    (HERE / "ran").touch()
"""
SKIPPED = """
def test_elsewhere(golden):
    pytest.skip("no engine")
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two tests, one of which has a golden file that says something else."""
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = long\n")
    (tmp_path / "conftest.py").write_text(CONFTEST)
    (tmp_path / "test_it.py").write_text(TESTS)
    (tmp_path / "seen.txt").write_text("old\n")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    return tmp_path


def test_the_file_says_what_is_seen_now(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """And the person is told where the review is."""
    goldens.rewrite(project)

    assert (project / "seen.txt").read_text() == "new\n"
    assert not (project / "ran").exists()
    assert "git diff shows what has changed" in capfd.readouterr().err


def test_a_file_that_could_not_be_written_is_no_success(project: Path) -> None:
    """A test that is skipped leaves its file as it was."""
    (project / "test_it.py").write_text(TESTS + SKIPPED)

    with pytest.raises(Failure, match="not every golden file could be written"):
        goldens.rewrite(project)


def test_otherwise_a_difference_fails_and_nothing_is_written(project: Path) -> None:
    """The file is what was agreed to."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-n", "0", "-k", "with_a_file"],
        cwd=project,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert "seen.txt says something else: ./trimaran goldens writes it, git diff is the review" in done.stdout
    assert {"E         - old", "E         + new"} <= set(done.stdout.splitlines()), done.stdout
    assert (project / "seen.txt").read_text() == "old\n"


def test_a_missing_file_names_the_command(project: Path) -> None:
    """Which writes it."""
    (project / "seen.txt").unlink()

    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-n", "0", "-k", "with_a_file"],
        cwd=project,
        capture_output=True,
        text=True,
        check=False,
    )

    assert "seen.txt is missing: ./trimaran goldens writes it" in done.stdout
