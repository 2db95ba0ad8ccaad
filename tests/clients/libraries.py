"""The client libraries and their own suites, in an environment that is thrown away.

Not in the project's `.venv`: the libraries bring a hundred packages that nobody else needs, some in versions that its own lock does not
have. Everything is pinned with hashes in requirements.txt beside this, the source packages of the suites too, which are taken without a build.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

_LOCK = Path(__file__).with_name("requirements.txt")
_PATIENCE_S = 420  # for a hundred packages over a slow line


@dataclass(frozen=True, slots=True)
class Libraries:
    """``python``: an interpreter that has all of them. ``folder``: where the source packages lie, unpacked."""

    python: Path
    folder: Path

    def sources(self, library: str) -> Path:
        """The source package of one, as its authors published it."""
        [found] = self.folder.glob(f"{library.replace('-', '_')}-*/")
        return found


def install(folder: Path, libraries: Iterable[str]) -> Libraries:
    """All packages of the lock, and the source packages of ``libraries``. Raises AssertionError with what pip says."""
    python, wanted, packed = folder / "venv" / "bin" / "python", folder / "wanted.txt", folder / "packed"
    _run([sys.executable, "-m", "venv", "--without-pip", str(folder / "venv")])
    _pip(python, "install", "--no-deps", "--only-binary", ":all:", "-r", str(_LOCK))
    wanted.write_text("".join(pinned(_LOCK.read_text(), library) for library in libraries))
    # Without isolation: what builds them is in the lock too.
    _pip(
        python,
        "download",
        "--no-deps",
        "--no-build-isolation",
        "--no-binary",
        ":all:",
        "-r",
        str(wanted),
        "-d",
        str(packed),
    )
    for archive in packed.iterdir():
        shutil.unpack_archive(archive, folder / "sources")
    return Libraries(python, folder / "sources")


def pinned(lock: str, library: str) -> str:
    """The lines of a lock that name one package with its version and hashes. Raises ValueError if there is none."""
    found = re.search(rf"^{re.escape(library)}==.*(?:\n    --hash.*)+\n", lock, re.MULTILINE)
    if found is None:
        raise ValueError(f"{_LOCK.name} does not have {library}: tools/lock.sh writes it from pyproject.toml")
    return found[0]


def _pip(python: Path, command: str, *arguments: str) -> None:
    options = ["--quiet", "--disable-pip-version-check", "--require-hashes"]
    _run([sys.executable, "-m", "pip", "--python", str(python), command, *options, *arguments])


def _run(command: list[str]) -> None:
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=_PATIENCE_S, check=False
    )
    assert done.returncode == 0, f"{' '.join(command)}: {done.stdout[-4000:]}"
