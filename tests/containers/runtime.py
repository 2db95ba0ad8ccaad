"""A container as clusters run it: an OCI runtime with the image's own user, environment and command, and as few rights as there can be.

The root file system is read-only, /tmp is the one place to write, there is no capability, and the app is process 1.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

# crun looks at how cgroups are mounted before it leaves them alone: in a mount namespace of its own it sees none of the old kind.
_ALONE = (
    "unshare",
    "--mount",
    "--propagation",
    "private",
    "sh",
    "-c",
    'mount -t cgroup2 none /sys/fs/cgroup; exec "$@"',
    "sh",
)
_CRUN = ("crun", "--cgroup-manager=disabled")
_FILE_SYSTEMS: Sequence[Mapping[str, Any]] = (
    {"destination": "/proc", "type": "proc", "source": "proc"},
    {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755", "size=64k"]},
    {
        "destination": "/tmp",
        "type": "tmpfs",
        "source": "tmpfs",
        "options": ["nosuid", "nodev", "mode=1777", "size=64m"],
    },
)
_READY_WITHIN_S = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """One that runs. `pid` is the app's as this machine counts."""

    name: str
    state: Path
    url: str
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def pid(self) -> int:
        return int(json.loads(self.crun("state", self.name).stdout)["pid"])

    def run(self, command: Sequence[str]) -> subprocess.CompletedProcess[str]:
        """A command inside, as the app's user."""
        return self.crun("exec", "--user", "10001:10001", self.name, *command)

    def crun(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """What the runtime is told of it."""
        words = [*_ALONE, *_CRUN, "--root", str(self.state), *arguments]
        return subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)


@contextmanager
def running(
    rootfs: Path, config: Mapping[str, Any], environment: Mapping[str, str], port: int, scratch: Path
) -> Iterator[Container]:
    """The image's app from the moment that it is ready until the block ends."""
    bundle, name = scratch / "bundle", f"trimaran-{port}"
    bundle.mkdir(parents=True)
    (bundle / "config.json").write_text(json.dumps(_specification(rootfs, config, environment)))
    log = scratch / "app.log"
    words = [*_ALONE, *_CRUN, "--root", str(scratch / "state"), "run", "--bundle", str(bundle), name]
    with log.open("wb") as said:
        process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT)
    container = Container(name=name, state=scratch / "state", url=f"http://127.0.0.1:{port}", process=process, log=log)
    try:
        eventually(lambda: _ready(container), _READY_WITHIN_S, log)
        yield container
    finally:
        if process.poll() is None:
            container.crun("kill", name, "KILL")
            process.wait(20)


def eventually(holds: Callable[[], bool], within_s: float, log: Path) -> None:
    """Wait until something holds; fails with the log where it does not."""
    end_s = time.monotonic() + within_s
    while not holds():
        if time.monotonic() > end_s:
            pytest.fail(log.read_text())
        time.sleep(0.05)


def _ready(container: Container) -> bool:
    assert container.process.poll() is None, container.log.read_text()
    try:
        urllib.request.urlopen(f"{container.url}/health/ready", timeout=1).close()
    except (urllib.error.URLError, OSError):
        return False
    return True


def _specification(rootfs: Path, config: Mapping[str, Any], environment: Mapping[str, str]) -> Mapping[str, Any]:
    user, _, group = config["User"].partition(":")
    given = [f"{name}={value}" for name, value in environment.items()]
    return {
        "ociVersion": "1.0.0",
        "process": {
            "user": {"uid": int(user), "gid": int(group)},
            "args": [*config["Entrypoint"], *(config.get("Cmd") or [])],
            "env": [*config["Env"], *given],
            "cwd": config.get("WorkingDir") or "/",
            "capabilities": {},
            "noNewPrivileges": True,
        },
        "root": {"path": str(rootfs), "readonly": True},
        "mounts": _FILE_SYSTEMS,
        # The network stays this machine's, so that the app is reached on its loopback.
        "linux": {"namespaces": [{"type": kind} for kind in ("pid", "ipc", "uts", "mount")]},
    }


def status_of(pid: int) -> Mapping[str, str]:
    """What the kernel says of a process."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def is_root() -> bool:
    return os.geteuid() == 0
