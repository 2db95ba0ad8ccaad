"""Downloads the official release of the Pulumi CLI, checks it and unpacks its programs into a new directory.

Arguments: the address of the releases, the version, the directory. What an archive must be stands in
`pulumi/release.sha256`, not beside the archive, where whoever swaps one could swap both. Exit status: 0 done, 1 what
arrived is not what was published, 3 the releases cannot be reached, 4 no archive for this machine is known.
Run by the set-up, before any package is installed, so it uses the standard library alone, of every Python from 3.11.0 on.
"""

import sys

if sys.version_info < (3, 11):  # noqa: UP036  what follows is such that older ones can read it this far
    sys.exit(f"Python 3.11 or later is needed, and this is {sys.version.split()[0]}")

import hashlib
import platform
import shutil
import tarfile
import tempfile
import urllib.request
from functools import partial
from http.client import HTTPException, HTTPResponse
from pathlib import Path, PurePosixPath

EXIT_CORRUPT = 1
EXIT_UNREACHABLE = 3
EXIT_UNKNOWN = 4
TIMEOUT_S = 60

PINNED = Path(__file__).parent / "pulumi" / "release.sha256"
SYSTEMS = {"Linux": "linux", "Darwin": "darwin"}
MACHINES = {"x86_64": "x64", "amd64": "x64", "aarch64": "arm64", "arm64": "arm64"}


class UnsafeArchiveError(Exception):
    """An archive holds something that a release has no reason to hold; the message names it."""


def main(releases: str, version: str, directory: Path) -> int:
    """Fetch, check and unpack; nothing is left in `directory` unless all of it is good."""
    system, machine = SYSTEMS.get(platform.system()), MACHINES.get(platform.machine().lower())
    archive_name = f"pulumi-v{version}-{system}-{machine}.tar.gz"
    pinned = _pinned().get(archive_name)
    if pinned is None:
        return _report(f"no release of Pulumi {version} is known for this machine", EXIT_UNKNOWN)
    with tempfile.TemporaryDirectory() as scratch:
        archive = Path(scratch, archive_name)
        try:
            response = urllib.request.urlopen(f"{releases}/{archive_name}", timeout=TIMEOUT_S)
        except (OSError, HTTPException) as error:
            return _report(f"{releases} cannot be reached: {error}", EXIT_UNREACHABLE)
        try:
            with response:
                received = _save(response, archive)
        except (OSError, HTTPException) as error:
            return _report(f"the download of {archive_name} broke off: {error}", EXIT_CORRUPT)
        if received != pinned:
            return _report(f"error: {archive_name} has sha256 {received}, the release has {pinned}", EXIT_CORRUPT)
        try:
            _unpack(archive, Path(scratch, "unpacked"), directory)
        except UnsafeArchiveError as error:
            return _report(f"error: {archive_name} {error}", EXIT_CORRUPT)
    return 0


def _pinned() -> dict[str, str]:
    lines = (line.split() for line in PINNED.read_text().splitlines() if not line.startswith("#"))
    return {name: digest for digest, name in lines}


def _save(response: HTTPResponse, target: Path) -> str:
    digest = hashlib.sha256()
    with target.open("wb") as file:
        for block in iter(partial(response.read, 1 << 20), b""):
            digest.update(block)
            file.write(block)
    return digest.hexdigest()


def _unpack(archive: Path, scratch: Path, directory: Path) -> None:
    with tarfile.open(archive) as tar:
        for member in tar:
            _extract(tar, member, scratch)
    programs = next((path.parent for path in sorted(scratch.rglob("pulumi")) if path.is_file()), None)
    if programs is None:
        raise UnsafeArchiveError("holds no program called pulumi")
    directory.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(programs, directory)


def _extract(tar: tarfile.TarFile, member: tarfile.TarInfo, scratch: Path) -> None:
    """Write one file below `scratch`. By hand: `extractall` cannot be told to refuse before Python 3.11.4."""
    name = PurePosixPath(member.name)
    if name.is_absolute() or ".." in name.parts:
        raise UnsafeArchiveError(f"holds the path {member.name}, which leads out of it")
    if member.isdir():
        return
    content = tar.extractfile(member) if member.isfile() else None
    if content is None:
        raise UnsafeArchiveError(f"holds {member.name}, which is neither a file nor a directory")
    target = scratch / name
    if target.exists():
        raise UnsafeArchiveError(f"holds {member.name} twice")
    target.parent.mkdir(parents=True, exist_ok=True)
    with content, target.open("xb") as file:
        shutil.copyfileobj(content, file)
    target.chmod(0o755 if member.mode & 0o100 else 0o644)


def _report(sentence: str, status: int) -> int:
    sys.stderr.write(f"{sentence}\n")
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], Path(sys.argv[3])))
