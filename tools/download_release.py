"""Downloads the official release of the Pulumi CLI, checks it and unpacks its programs into a new directory.

Arguments: the address of the releases, the version, the directory. What an archive must be stands in
`pulumi/release.sha256`, not beside the archive, where whoever swaps one could swap both. Says in one line what came of it; the
exit status tells the set-up what to do about it: 0 done, 1 what arrived is not what was published, 3 the release cannot be had,
4 no archive for this machine is known, 5 the download broke off, 6 a web page came in its place, 7 the disk is full.
Run by the set-up, before any package is installed, so it uses the standard library alone, of every Python from 3.11.0 on.
"""

import sys

if sys.version_info < (3, 11):  # noqa: UP036  what follows is such that older ones can read it this far
    sys.exit(f"Python 3.11 or later is needed, and this is {sys.version.split()[0]}")

import errno
import hashlib
import platform
import re
import shutil
import tarfile
import tempfile
import urllib.request
import zlib
from functools import partial
from http.client import HTTPException, HTTPResponse
from pathlib import Path, PurePosixPath
from ssl import SSLCertVerificationError
from urllib.error import HTTPError, URLError

EXIT_REFUSED = 1
EXIT_UNREACHABLE = 3
EXIT_UNKNOWN = 4
EXIT_BROKE_OFF = 5
EXIT_WEB_PAGE = 6
EXIT_DISK_FULL = 7
TIMEOUT_S = 60
# What claims more than this is no release of a command line.
LARGEST_B = 2 << 30
LONGEST_NAME = 200
BLOCK_B = 1 << 20

PINNED = Path(__file__).parent / "pulumi" / "release.sha256"
SYSTEMS = {"Linux": "linux", "Darwin": "darwin"}
MACHINES = {"x86_64": "x64", "amd64": "x64", "aarch64": "arm64", "arm64": "arm64"}
GZIP = b"\x1f\x8b"
DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
ASKS_FOR_LOG_IN = "cannot be reached, the proxy asks for a log-in (HTTP 407)"
STATUSES = {
    403: "refuses it (HTTP 403)",
    404: "has no such release (HTTP 404)",
    407: ASKS_FOR_LOG_IN,
}


class DownloadError(Exception):
    """Why there is no release, in words, and the exit status that says so."""

    def __init__(self, sentence: str, status: int) -> None:
        super().__init__(sentence)
        self.status = status


def main(releases: str, version: str, directory: Path) -> int:
    """Fetch, check and unpack; nothing is left beside `directory`, and nothing in it unless all of it is good."""
    try:
        directory.parent.mkdir(parents=True, exist_ok=True)
        # Here and not in /tmp: whoever kills this, and knows the directory, clears it away.
        with tempfile.TemporaryDirectory(dir=directory.parent) as scratch:
            _download(releases, version, directory, Path(scratch))
    except DownloadError as error:
        sys.stderr.write(f"{error}\n")
        return error.status
    except OSError as error:
        full = error.errno in DISK_FULL
        sys.stderr.write("no space is left on the disk\n" if full else f"cannot be written: {error.strerror}\n")
        return EXIT_DISK_FULL if full else EXIT_REFUSED
    return 0


def _download(releases: str, version: str, directory: Path, scratch: Path) -> None:
    system, machine = SYSTEMS.get(platform.system()), MACHINES.get(platform.machine().lower())
    name = f"pulumi-v{version}-{system}-{machine}.tar.gz"
    pinned = _pinned().get(name)
    if pinned is None:
        raise DownloadError("no digest of a release for this machine is known", EXIT_UNKNOWN)
    archive = scratch / "archive"
    with _opened(f"{releases}/{name}") as response:
        received = _save(response, archive)
    if received != pinned:
        raise DownloadError(f"{name} has sha256 {received}, the release has {pinned}", EXIT_REFUSED)
    try:
        _unpack(archive, scratch / "unpacked")
    # What is wrong with an archive is told by tarfile, or by what it reads with, in as many ways as there are.
    except (tarfile.TarError, zlib.error, EOFError, ValueError, ArithmeticError, MemoryError, RecursionError) as error:
        raise DownloadError(f"{name} is damaged: {_shown(str(error) or type(error).__name__)}", EXIT_REFUSED) from None
    except OSError as error:
        if error.errno in DISK_FULL:
            raise
        raise DownloadError(f"{name} is damaged: {_shown(error.strerror or str(error))}", EXIT_REFUSED) from None
    except DownloadError as error:
        raise DownloadError(f"{name} {error}", error.status) from None
    programs = next((path.parent for path in sorted(scratch.rglob("pulumi")) if path.is_file()), None)
    if programs is None:
        raise DownloadError(f"{name} holds no program called pulumi", EXIT_REFUSED)
    programs.rename(directory)


def _pinned() -> dict[str, str]:
    lines = (line.split() for line in PINNED.read_text().splitlines() if not line.startswith("#"))
    return {name: digest for digest, name in lines}


def _opened(address: str) -> HTTPResponse:
    try:
        response: HTTPResponse = urllib.request.urlopen(address, timeout=TIMEOUT_S)
    except HTTPError as error:
        error.close()
        sentence = STATUSES.get(error.code, f"answers with an error (HTTP {error.code})")
        raise DownloadError(sentence, EXIT_UNREACHABLE) from None
    except URLError as error:
        raise DownloadError(_of_connection(error.reason), EXIT_UNREACHABLE) from None
    except (OSError, HTTPException, ValueError) as error:
        raise DownloadError(_of_connection(error), EXIT_UNREACHABLE) from None
    return response


def _of_connection(reason: object) -> str:
    tunnel = re.match(r"Tunnel connection failed: (\d{3})\b", str(reason))
    if tunnel:
        return ASKS_FOR_LOG_IN if tunnel[1] == "407" else f"cannot be reached, the proxy refuses it (HTTP {tunnel[1]})"
    if isinstance(reason, SSLCertVerificationError):
        return "cannot be trusted, its certificate is not one this machine knows"
    return "cannot be reached"


def _save(response: HTTPResponse, target: Path) -> str:
    """Write what comes, and return its digest."""
    digest, saved_b = hashlib.sha256(), 0
    announced = response.headers.get("content-length", "")
    with target.open("wb") as file:
        for block in iter(partial(_next_block, response), b""):
            if not saved_b and _is_web_page(response, block):
                raise DownloadError("a web page came in place of the release", EXIT_WEB_PAGE)
            saved_b += len(block)
            if saved_b > LARGEST_B:
                raise DownloadError(f"more than {LARGEST_B >> 30} GiB came", EXIT_REFUSED)
            digest.update(block)
            file.write(block)
    if announced.isdecimal() and saved_b < int(announced):
        raise DownloadError(f"{saved_b} of {announced} bytes came", EXIT_BROKE_OFF)
    return digest.hexdigest()


def _is_web_page(response: HTTPResponse, start: bytes) -> bool:
    is_markup = response.headers.get_content_type() == "text/html" or start.lstrip().startswith(b"<")
    return is_markup and not start.startswith(GZIP)


def _next_block(response: HTTPResponse) -> bytes:
    try:
        return response.read(BLOCK_B)
    except (OSError, HTTPException) as error:
        raise DownloadError(_shown(str(error)) or type(error).__name__, EXIT_BROKE_OFF) from None


def _unpack(archive: Path, scratch: Path) -> None:
    left_b = LARGEST_B
    with tarfile.open(archive, "r:gz") as tar:
        for member in tar:
            left_b -= max(member.size, 0)
            if left_b < 0:
                raise DownloadError(f"holds more than {LARGEST_B >> 30} GiB", EXIT_REFUSED)
            _extract(tar, member, scratch)
        _read_to_the_end(tar)


def _extract(tar: tarfile.TarFile, member: tarfile.TarInfo, scratch: Path) -> None:
    """Write one file below `scratch`. By hand: `extractall` cannot be told to refuse before Python 3.11.4."""
    name, shown = PurePosixPath(member.name), _shown(member.name)
    if name.is_absolute() or ".." in name.parts:
        raise DownloadError(f"holds the path {shown}, which leads out of it", EXIT_REFUSED)
    if not re.fullmatch(r"[\w .+@/-]+", member.name, re.ASCII) or len(member.name) > LONGEST_NAME:
        raise DownloadError(f"holds {shown}, which no release calls a file", EXIT_REFUSED)
    if member.isdir():
        return
    content = tar.extractfile(member) if member.isfile() and not member.issparse() else None
    if content is None:
        raise DownloadError(f"holds {shown}, which is neither a file nor a directory", EXIT_REFUSED)
    target = scratch / name
    if target.exists():
        raise DownloadError(f"holds {shown} twice", EXIT_REFUSED)
    target.parent.mkdir(parents=True, exist_ok=True)
    with content, target.open("xb") as file:
        shutil.copyfileobj(content, file)
    target.chmod(0o755 if member.mode & 0o100 else 0o644)


def _read_to_the_end(tar: tarfile.TarFile) -> None:
    """Refuse what only seems to end, for tarfile takes an entry that it cannot read for the end. Checks the last sum, too."""
    if tar.fileobj is None:
        raise tarfile.ReadError("it is closed")
    tar.fileobj.seek(tar.offset)
    blocks = list(map(any, iter(partial(tar.fileobj.read, BLOCK_B), b"")))
    if not blocks or any(blocks):
        raise tarfile.ReadError("it breaks off in the middle")


def _shown(text: str) -> str:
    """A text of a stranger's as it may reach a terminal."""
    return ascii(text)[1:-1][:LONGEST_NAME]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], Path(sys.argv[3])))
