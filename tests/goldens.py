"""Files that show what a person or a machine sees, byte for byte; `./trimaran goldens` rewrites them, `git diff` is the review."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

OPTION = "--update-goldens"
FOLDER = Path(__file__).with_name("golden")


@dataclass(frozen=True, slots=True, kw_only=True)
class Golden:
    """Holds what a test has seen against a file, or makes it the file's text."""

    updating: bool

    def __call__(self, path: Path, seen: str) -> None:
        """Compare with the file, byte for byte."""
        if self.updating:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(seen.encode())
        assert path.exists(), f"{path} is missing: ./trimaran goldens writes it"
        agreed = path.read_bytes().decode()
        assert seen == agreed, f"{path} says something else: ./trimaran goldens writes it, git diff is the review"


def refuse_skipped(session: pytest.Session) -> None:
    """Fail a session that has left a golden file as it was, since what its test needs is not here."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def keep_only_goldens(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out every test that has no golden file."""
    has_file: dict[bool, list[pytest.Item]] = {True: [], False: []}
    for each in items:
        has_file["golden" in getattr(each, "fixturenames", ())].append(each)
    config.hook.pytest_deselected(items=has_file[False])
    items[:] = has_file[True]
