"""Tests of one group run in one worker: what is slow to make is made once."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
HOOKS = "from tests.conftest import pytest_addoption, pytest_collection_modifyitems, pytest_sessionfinish\n"
TESTS = """
import pytest

@pytest.mark.xdist_group("slow")
@pytest.mark.parametrize("number", range(4))
def test_it(number):
    pass
"""


def test_a_group_stays_together(tmp_path: Path) -> None:
    """Seen with the versions that are installed: some pairs of pytest and pytest-xdist group nothing, without a word."""
    (tmp_path / "pytest.ini").touch()
    (tmp_path / "conftest.py").write_text(HOOKS)
    (tmp_path / "test_it.py").write_text(TESTS)

    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-v", "-n", "2", "--dist", "loadgroup"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )

    workers = re.findall(r"\[(gw\d)\].* PASSED", done.stdout)
    assert (len(workers), len(set(workers))) == (4, 1), done.stdout
