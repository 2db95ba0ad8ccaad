"""The Pythons of this machine that the set-up says it works with: found where they are usually put, not listed."""

import os
import subprocess
from dataclasses import dataclass
from functools import cache
from itertools import chain
from pathlib import Path

OLDEST = (3, 11)
# A shim that hands over to another program answers with that program's path.
_ASK = "import os, sys; print(*sys.version_info[:3], sys.prefix == sys.base_prefix, os.path.realpath(sys.executable))"


@dataclass(frozen=True, slots=True, kw_only=True)
class Python:
    """An interpreter and its version."""

    path: Path
    version: tuple[int, ...]

    def __str__(self) -> str:
        return ".".join(map(str, self.version))


@cache
def pythons() -> tuple[Python, ...]:
    """One of each version from 3.11 on, oldest first; a virtual environment's is not one of the machine's."""
    return tuple(each for each in _every_version() if each.version[:2] >= OLDEST)


@cache
def too_old() -> tuple[Python, ...]:
    """One of each version of Python 3 before 3.11."""
    return tuple(each for each in _every_version() if each.version[:2] < OLDEST)


@cache
def _every_version() -> tuple[Python, ...]:
    found = {each.version: each for each in map(_ask, _candidates()) if each}
    return tuple(found[version] for version in sorted(found))


def _candidates() -> list[Path]:
    home = Path.home()
    on_path = (Path(directory) for directory in os.environ.get("PATH", "").split(os.pathsep) if directory)
    by_hand = (Path("/usr/bin"), Path("/usr/local/bin"))
    managed = chain.from_iterable(
        root.glob("*/bin")
        for root in (home / ".pyenv/versions", home / ".local/share/uv/python", Path("/opt"), Path("/opt/python"))
    )
    names = sorted({path.resolve() for each in chain(on_path, by_hand, managed) for path in each.glob("python3*")})
    return [path for path in names if path.name.replace(".", "").removeprefix("python").isdigit()]


def _ask(path: Path) -> Python | None:
    try:
        done = subprocess.run([path, "-I", "-c", _ASK], capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    if done.returncode != 0:
        return None
    major, minor, micro, own, executable = done.stdout.rstrip("\n").split(" ", 4)
    return Python(path=Path(executable), version=(int(major), int(minor), int(micro))) if own == "True" else None
