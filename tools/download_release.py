"""Downloads an official release of the Pulumi CLI, checks it and unpacks its programs into a new directory.

Arguments: the address of the releases, the version, the directory. Exit status: 0 done, 3 the releases cannot be
reached or have none for this machine, 1 what arrived is not what was published. Run by the set-up, before any package is
installed, so it uses the standard library alone.
"""

import hashlib
import platform
import shutil
import sys
import tarfile
import tempfile
import urllib.error
import urllib.request
from http.client import HTTPException
from pathlib import Path

EXIT_CORRUPT = 1
EXIT_UNREACHABLE = 3
CONNECT_TIMEOUT_S = 5
READ_TIMEOUT_S = 60

SYSTEMS = {"Linux": "linux", "Darwin": "darwin"}
MACHINES = {"x86_64": "x64", "amd64": "x64", "aarch64": "arm64", "arm64": "arm64"}


def main(releases: str, version: str, directory: Path) -> int:
    """Fetch, check and unpack; nothing is left in `directory` unless all of it is good."""
    system, machine = SYSTEMS.get(platform.system()), MACHINES.get(platform.machine().lower())
    archive_name = f"pulumi-v{version}-{system}-{machine}.tar.gz"
    try:
        published = _checksums(f"{releases}/pulumi-{version}-checksums.txt").get(archive_name)
    except (OSError, HTTPException) as error:
        return _report(f"{releases} cannot be reached: {error}", EXIT_UNREACHABLE)
    if published is None:
        return _report(f"{releases} has no {archive_name}", EXIT_UNREACHABLE)
    with tempfile.TemporaryDirectory() as scratch:
        archive = Path(scratch, archive_name)
        try:
            received = _download(f"{releases}/{archive_name}", archive)
        except (OSError, HTTPException) as error:
            return _report(f"the download of {archive_name} broke off: {error}", EXIT_CORRUPT)
        if received != published:
            return _report(f"error: {archive_name} has sha256 {received}, published is {published}", EXIT_CORRUPT)
        _unpack(archive, Path(scratch, "unpacked"), directory)
    return 0


def _checksums(address: str) -> dict[str, str]:
    with urllib.request.urlopen(address, timeout=CONNECT_TIMEOUT_S) as response:
        lines = response.read(1_000_000).decode(errors="replace").splitlines()
    return {name: digest for digest, _, name in (line.partition("  ") for line in lines)}


def _download(address: str, target: Path) -> str:
    digest = hashlib.sha256()
    with urllib.request.urlopen(address, timeout=READ_TIMEOUT_S) as response, target.open("wb") as file:
        while block := response.read(1 << 20):
            digest.update(block)
            file.write(block)
    return digest.hexdigest()


def _unpack(archive: Path, scratch: Path, directory: Path) -> None:
    with tarfile.open(archive) as tar:
        tar.extractall(scratch, filter="data")
    programs = next(path.parent for path in sorted(scratch.rglob("pulumi")) if path.is_file())
    directory.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(programs, directory)


def _report(sentence: str, status: int) -> int:
    sys.stderr.write(f"{sentence}\n")
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], Path(sys.argv[3])))
