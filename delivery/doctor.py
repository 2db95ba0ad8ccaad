"""`doctor`: what is on this machine, what is missing, and what to do about it."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from catalog.retirements.routes import Ending
from delivery.clouds.support import supported
from delivery.endings import of_clone
from delivery.failure import ExitCode, Failure
from delivery.terminal import data_json, say, table

_FREE_DISK_GIB = 3
_LATER = "added when needed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing looked for. `state` is ok, missing (and needed), or absent (and not needed yet)."""

    what: str
    state: str
    found: str
    needed_for: str
    remedy: str = ""
    path: str = ""


def show(root: Path, *, as_json: bool) -> None:
    """Print what was found. Raises Failure where something needed is missing."""
    findings = list(examine(root))
    today = datetime.now(UTC).date()
    ending = list(of_clone(root, today))
    if as_json:
        ends = [{"stack": stack, "backend": each.backend, **_told(each)} for stack, each in ending]
        data_json("doctor", None, {"findings": [asdict(each) for each in findings], "endings": ends})
    else:
        rows = [(each.what, each.state, each.found, each.needed_for, each.remedy) for each in findings]
        table(("what", "state", "found", "needed for", "what to do"), rows)
        for stack, each in ending:
            say(f"{stack}: {each.sentence(today)}")
    missing = [each.what for each in findings if each.state == "missing"]
    if missing:
        raise Failure(f"missing: {', '.join(missing)}.", "the table says what to do", ExitCode.FAILED)
    say("nothing needed is missing")


def _told(ending: Ending) -> dict[str, str]:
    known = ending.retirement
    return {
        "platform": known.platform,
        "model": known.model,
        "version": known.version,
        "ends": known.ends.isoformat(),
        "source": known.source,
    }


def examine(root: Path) -> Iterator[Finding]:
    """Look at each thing the kit uses on this machine."""
    yield _python()
    yield _program("pulumi", "every stack", "./trimaran up sets it up", "version")
    yield _language_host()
    yield _program("nginx", "the target local", "sudo apt-get install nginx (its service need not run)", "-v")
    for group, (package, remedy) in _groups().items():
        yield _group(group, package, remedy)
    yield _program("redis-server", "several replicas", "sudo apt-get install redis-server", "--version", needed=False)
    yield _program("git", "./trimaran test", "sudo apt-get install git", "--version", needed=False)
    yield _writable(root)
    yield _disk(root)


def _python() -> Finding:
    good = sys.version_info >= (3, 11)
    return Finding(
        what="Python",
        state="ok" if good else "missing",
        found=platform.python_version(),
        path=sys.executable,
        needed_for="everything",
        remedy="" if good else "install Python 3.11 or later",
    )


def _program(name: str, needed_for: str, remedy: str, version_flag: str, *, needed: bool = True) -> Finding:
    path = shutil.which(name)
    if path is None:
        state = "missing" if needed else "absent"
        return Finding(what=name, state=state, found="", needed_for=needed_for, remedy=remedy)
    return Finding(what=name, state="ok", found=_version(path, version_flag), path=path, needed_for=needed_for)


def _version(path: str, flag: str) -> str:
    try:
        done = subprocess.run([path, flag], capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return "no version"
    number = re.search(r"\d+\.\d+(\.\d+)*", done.stdout + done.stderr)
    return number.group() if number else "no version"


def _language_host() -> Finding:
    what, needed_for = "Pulumi's Python host", "every stack"
    path = shutil.which("pulumi-language-python")
    if path is None:
        return Finding(
            what=what, state="missing", found="", needed_for=needed_for, remedy="run ./trimaran, which brings its own"
        )
    # The official one is a binary; what the kit puts on PATH in its stead is a script.
    with Path(path).open("rb") as file:
        kind = "the kit's stand-in" if file.read(2) == b"#!" else "the official one"
    return Finding(what=what, state="ok", found=kind, path=path, needed_for=needed_for)


def _groups() -> dict[str, tuple[str, str]]:
    """The requirement groups: a package that shows that one is installed, and how to get it."""
    return {
        "base": ("pulumi", "./trimaran up"),
        "local": ("xllamacpp", "./trimaran up"),
        "test": ("pytest", "./trimaran test"),
        "policies": ("pulumi-policy", "./trimaran test"),
        **{each.name: (each.package, _LATER) for each in supported()},
        "kubernetes": ("pulumi-kubernetes", _LATER),
        "serverless": ("modal", _LATER),
    }


def _group(group: str, package: str, remedy: str) -> Finding:
    needed = group in ("base", "local")
    what, needed_for = f"packages: {group}", "everything" if group == "base" else f"target {group}"
    if group in ("test", "policies"):
        needed_for = "./trimaran test"
    try:
        version = importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        state = "missing" if needed else "absent"
        return Finding(what=what, state=state, found="", needed_for=needed_for, remedy=remedy)
    return Finding(what=what, state="ok", found=f"{package} {version}", needed_for=needed_for)


def _writable(root: Path) -> Finding:
    good = os.access(root, os.W_OK)
    return Finding(
        what="project directory",
        state="ok" if good else "missing",
        found="can be written" if good else "cannot be written",
        path=str(root),
        needed_for="state and logs",
        remedy="" if good else f"ls -ld {root}",
    )


def _disk(root: Path) -> Finding:
    free_gib = shutil.disk_usage(root).free / 2**30
    good = free_gib >= _FREE_DISK_GIB
    return Finding(
        what="disk",
        state="ok" if good else "missing",
        found=f"{free_gib:.0f} GiB free",
        needed_for="setting up",
        remedy="" if good else f"free {_FREE_DISK_GIB} GiB",
    )
