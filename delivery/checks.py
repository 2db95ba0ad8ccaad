"""`test`: formatting, types and layers of the whole tree, then its tests; one bad step fails the whole."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from delivery.failure import Failure
from delivery.terminal import say

_SHOWN_LINES = 60
_STEPS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("ruff check", ("ruff", "check", "--quiet", ".")),
    ("ruff format --check", ("ruff", "format", "--check", "--quiet", ".")),
    ("mypy", ("mypy",)),
    ("lint-imports", ("lint-imports",)),
)


def run(root: Path, arguments: Sequence[str], *, long: bool) -> None:
    """Run every check and every test, or with arguments pytest alone with these. Raises Failure naming what failed."""
    failed = [] if arguments else [name for name, command in _STEPS if not _passes(root, name, command)]
    selection = [] if long else ["-m", "not long"]
    began_s = time.monotonic()
    done = subprocess.run([_tool("pytest"), "--tb=short", *selection, *arguments], cwd=root, check=False)
    say(f"pytest: {time.monotonic() - began_s:.1f} s")
    if done.returncode != 0:
        failed.append("pytest")
    if failed:
        raise Failure(f"failed: {', '.join(failed)}.", "./trimaran test PATH -k NAME runs one test")


def _passes(root: Path, name: str, command: Sequence[str]) -> bool:
    began_s = time.monotonic()
    tool, *arguments = command
    done = subprocess.run(
        [_tool(tool), *arguments], cwd=root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    good = done.returncode == 0
    if not good:
        say(_bounded(done.stdout))
    say(f"{name}: {'ok' if good else 'FAILED'} ({time.monotonic() - began_s:.1f} s)")
    return good


def _bounded(output: str) -> str:
    lines = output.rstrip().splitlines()
    left_out = len(lines) - _SHOWN_LINES
    return "\n".join(lines if left_out <= 0 else [f"… {left_out} lines left out", *lines[-_SHOWN_LINES:]])


def _tool(name: str) -> str:
    path = Path(sys.executable).with_name(name)
    if not path.exists():
        raise Failure(f"{name} is not installed.", "./trimaran test brings it; run it through the wrapper")
    return str(path)
