"""A network of its own for one topology: every service has its usual port there, however many tests run at the same time."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]
_AS_ROOT = os.geteuid() == 0


class Network:
    """``path``: where its sockets are asked for; ``pid``: a process that lives in it."""

    def __init__(self, path: Path, pid: int) -> None:
        self._path = path
        self._pid = pid

    def opened(self) -> socket.socket:
        """A TCP socket of this network, not connected yet."""
        with socket.socket(socket.AF_UNIX) as asking:
            asking.connect(str(self._path))
            _, [descriptor], _, _ = socket.recv_fds(asking, 1, 1)
        return socket.socket(fileno=descriptor)

    def connected(self, port: int, host: str = "127.0.0.1", *, received_bytes: int = 0) -> socket.socket:
        """A TCP socket that is connected to what listens there. ``received_bytes``: what the kernel takes for it unread, where not the usual."""
        made = self.opened()
        if received_bytes:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, received_bytes)
        made.settimeout(30)
        made.connect((host, port))
        return made

    def listening(self, port: int, host: str) -> socket.socket:
        """A TCP socket on which others of this network reach the test."""
        made = self.opened()
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((host, port))
        made.listen(128)
        return made

    def joining(self, command: Sequence[str]) -> list[str]:
        """The command that runs ``command`` in this network."""
        users = [] if _AS_ROOT else ["--user", "--preserve-credentials"]
        return ["nsenter", "--target", str(self._pid), "--net", *users, "--", *command]


@contextmanager
def network() -> Iterator[Network]:
    """Opened for a test, gone with it."""
    with tempfile.TemporaryDirectory() as folder:  # short: a socket's path has at most 107 characters
        path = Path(folder, "sockets")
        users = [] if _AS_ROOT else ["--map-root-user"]
        command = [sys.executable, "-S", "-m", "tests.containers.namespace", str(path)]
        holder = subprocess.Popen(
            ["unshare", "--net", *users, *command], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline() == b"ready\n"
            yield Network(path, holder.pid)
        finally:
            holder.communicate(timeout=10)


def why_not() -> str:
    """What keeps this machine from running a topology; empty where nothing does."""
    needed = {
        "unshare": "util-linux",
        "nsenter": "util-linux",
        "bwrap": "bubblewrap",
        "nginx": "nginx",
        "redis-server": "redis-server",
        "openssl": "openssl",
        "wget": "wget",
    }
    path = f"{os.environ['PATH']}:/usr/sbin"
    missing = [package for program, package in needed.items() if shutil.which(program, path=path) is None]
    if missing:
        return f"{', '.join(missing)} is not installed"
    users = [] if _AS_ROOT else ["--map-root-user"]
    tried = subprocess.run(
        ["unshare", "--net", *users, "bwrap", "--unshare-user", "--uid", "101", "--ro-bind", "/", "/", "true"],
        capture_output=True,
        text=True,
        check=False,
    )
    return f"this machine allows no namespaces: {tried.stderr.strip()}" if tried.returncode else ""
