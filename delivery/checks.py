"""`check` and `test`: formatting, types and layers of the tree, then its tests; one bad step fails the whole.

Tests run on all cores. What a busy machine would disturb, because it measures time or load, is marked `alone` and runs
afterwards, one by one. Where few of the others fail, they have one more try by themselves; they are named if that passes.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from delivery.failure import Failure
from delivery.terminal import say

_SHOWN_LINES = 60
_TIMES = Path(".trimaran", "test-times.json")


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A check of the tree; one that reads file by file can be run on some files alone, with the packages they import."""

    name: str
    command: tuple[str, ...]
    hint: str
    by_file: bool = True
    groups: tuple[str, ...] = ()


_STEPS = (
    Step(
        name="ruff check",
        command=("ruff", "check", "--quiet"),
        hint=".venv/bin/ruff check --fix . mends what can be mended so",
    ),
    Step(
        name="ruff format --check",
        command=("ruff", "format", "--check", "--quiet"),
        hint=".venv/bin/ruff format . formats the tree",
    ),
    Step(
        name="mypy",
        command=("mypy",),
        hint=".venv/bin/mypy FILE reads one file",
        groups=("local", "policies", "quality", "aws"),
    ),
    Step(
        name="lint-imports",
        command=("lint-imports",),
        hint="pyproject.toml has the contracts: who may import whom",
        by_file=False,
    ),
)
# Links, paths and commands that pages name. Tests, so that `test` runs them anyway.
_PROSE = Step(
    name="prose",
    command=("pytest", "tests/test_prose.py", "tests/delivery/test_docs.py"),
    hint="./trimaran test tests/test_prose.py says more",
    by_file=False,
)
_TESTS_FAILED, _NO_TEST = 1, 5  # pytest's exit statuses
# More failed tests than these are no accident of a busy machine.
_DISTURBED_AT_MOST = 5
# Not pytest's usual folder: it is a person's, whose `--last-failed` means the tests that they ran.
_SIDE_BY_SIDE_CACHE = ".trimaran/tests-side-by-side"
_NONE_MATCHED = "no test matched"
# These end a whole run with "SystemError: AST constructor recursion depth mismatch" where the garbage collector runs while a file
# is parsed, as pytest parses one for each line of a traceback: python/cpython#106905, mended in 3.11.8 and 3.12.2.
_FAILS_TO_PARSE = (((3, 11, 0), (3, 11, 8)), ((3, 12, 0), (3, 12, 2)))


def check(root: Path) -> None:
    """Run every check but the tests, at once. Raises Failure naming what failed."""
    _end(_failed_steps(root, (*_STEPS, _PROSE)))


def run(root: Path, arguments: Sequence[str], *, long: bool) -> None:
    """Run every check and every test, or with arguments pytest with these after the checks of the files that changed.

    Raises Failure naming what failed.
    """
    if arguments:
        touched = _touched(root)
        failed = _failed_steps(root, _fit(root), touched) if touched else []
        selection = [] if long else ["-m", "not long"]
        _end([*failed, *_pytest(root, "pytest", [*selection, *arguments])])
        return
    began_s = time.monotonic()
    cores = _cores()
    say(f"checks, then tests on {cores} core{'s' * (cores != 1)}; {_expected(root, long)}")
    failed = _failed_steps(root, _STEPS)
    length = "" if long else " and not long"
    failed += side_by_side(root, cores, f"not alone{length}")
    failed += _pytest(root, "tests that need the machine alone", ["-m", f"alone{length}"])
    if not failed:
        _remember(root, time.monotonic() - began_s, long)
    _end(failed)


def side_by_side(root: Path, cores: int, marked: str) -> list[str]:
    """Run the tests that are marked so on all cores; "tests side by side" comes back where one fails, also by itself."""
    name, selection = "tests side by side", ["-o", f"cache_dir={_SIDE_BY_SIDE_CACHE}", "-m", marked]
    status = _status(root, name, ["-n", str(cores), "--dist", "loadgroup", "--cache-clear", *selection])
    disturbed = _last_failed(root / _SIDE_BY_SIDE_CACHE)
    again = status == _TESTS_FAILED and 0 < len(disturbed) <= _DISTURBED_AT_MOST
    if not again or _status(root, "failed tests, each by itself", ["--last-failed", *selection]):
        return [name] if status else []
    say(
        f"failed beside others and passed alone: {', '.join(disturbed)}\n"
        "hint: have them wait for what happens instead of for a time, or mark them `alone`"
    )
    return []


def traceback_style(python: tuple[int, ...]) -> str:
    """The option for pytest with which a Python of this version can show a failed test."""
    return "--tb=native" if any(first <= python < mended for first, mended in _FAILS_TO_PARSE) else "--tb=short"


def _cores() -> int:
    """The cores that this process may use, where the system says; else those of the machine."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _end(failed: Sequence[str]) -> None:
    hints = {step.name: step.hint for step in (*_STEPS, _PROSE)}
    if failed:
        hint = hints.get(failed[0], "./trimaran test PATH -k NAME runs one test")
        if failed[0].endswith(_NONE_MATCHED):
            hint = "./trimaran test --collect-only lists what there is"
        raise Failure(f"failed: {', '.join(failed)}.", hint)


def _failed_steps(root: Path, steps: Sequence[Step], files: Sequence[str] = ()) -> list[str]:
    """Those of the steps that fail on these files, or on the whole tree where none are given."""
    with ThreadPoolExecutor() as pool:
        passed = list(pool.map(lambda step: _passes(root, step, files), steps))
    return [step.name for step, good in zip(steps, passed, strict=True) if not good]


def _fit(root: Path) -> list[Step]:
    """The steps that can be run on single files with the packages that are installed."""
    return [
        step
        for step in _STEPS
        if step.by_file and all((root / ".venv/installed" / f"{group}.txt").exists() for group in step.groups)
    ]


def _passes(root: Path, step: Step, files: Sequence[str]) -> bool:
    began_s = time.monotonic()
    tool, *arguments = step.command
    done = subprocess.run(
        [_tool(tool), *arguments, *files],
        cwd=root,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    good = done.returncode == 0
    shown = "" if good else f"{_bounded(done.stdout)}\n"
    say(f"{shown}{step.name}: {'ok' if good else 'FAILED'} ({time.monotonic() - began_s:.1f} s)")
    return good


def _touched(root: Path) -> list[str]:
    """The Python files that differ from the last commit or are new."""
    changed = ["git", "diff", "--name-only", "--relative", "-z", "HEAD", "--", "*.py"]
    new = ["git", "ls-files", "-z", "--others", "--exclude-standard", "--", "*.py"]
    named = [
        subprocess.run(each, cwd=root, capture_output=True, text=True, check=False).stdout for each in (changed, new)
    ]
    return [name for name in "".join(named).split("\0") if name and (root / name).is_file()]


def _pytest(root: Path, name: str, arguments: Sequence[str]) -> list[str]:
    """Run pytest; the name comes back where a test failed, and what happened where none was found."""
    status = _status(root, name, arguments)
    return [f"{name}: {_NONE_MATCHED}" if status == _NO_TEST else name] if status else []


def _status(root: Path, name: str, arguments: Sequence[str]) -> int:
    """Run pytest and say how long it took; its exit status."""
    began_s = time.monotonic()
    say(f"{name} ...")
    status = subprocess.run(
        [_tool("pytest"), traceback_style(sys.version_info[:3]), *arguments], cwd=root, check=False
    ).returncode
    said = f"{name}: {_NONE_MATCHED}," if status == _NO_TEST else f"{name}:"
    say(f"{said} {time.monotonic() - began_s:.1f} s")
    return status


def _last_failed(cache: Path) -> list[str]:
    """The tests whose last try failed, as pytest remembers them there."""
    try:
        return sorted(json.loads((cache / "v/cache/lastfailed").read_text()))
    except FileNotFoundError:
        return []


def _expected(root: Path, long: bool) -> str:
    last_s = _times(root).get(_length(long))
    if last_s is None:
        return "about 15 minutes on two cores" + ", and as many again for the long ones" * long
    return f"last time it took {last_s // 60} min {last_s % 60} s"


def _remember(root: Path, took_s: float, long: bool) -> None:
    path = root / _TIMES
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({**_times(root), _length(long): round(took_s)}))


def _times(root: Path) -> dict[str, int]:
    try:
        times: dict[str, int] = json.loads((root / _TIMES).read_text())
    except (OSError, ValueError):
        return {}
    return times


def _length(long: bool) -> str:
    return "long" if long else "short"


def _bounded(output: str) -> str:
    lines = output.rstrip().splitlines()
    left_out = len(lines) - _SHOWN_LINES
    return "\n".join(lines if left_out <= 0 else [f"… {left_out} lines left out", *lines[-_SHOWN_LINES:]])


def _tool(name: str) -> str:
    path = Path(sys.executable).with_name(name)
    if not path.exists():
        raise Failure(f"{name} is not installed.", "./trimaran test brings it; run it through the wrapper")
    return str(path)
