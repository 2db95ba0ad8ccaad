"""Loopback ports of this machine: a free one, whether one is taken, and by whom."""

import os
import random
import socket
from pathlib import Path

from providers.machine import sessions

LOOPBACK = "127.0.0.1"

_LISTENING = "0A"
# Linux takes 32768 to 60999 for connections by default, other systems 49152 and up (ip(7), IANA; checked 2026-11-30).
_NOT_HANDED_OUT = range(20_000, 32_768)


def free_port() -> int:
    """Return a loopback port that nobody listens on just now; somebody else may still take it first.

    Picked at random below the ports that the kernel hands out by itself, so that neither an outgoing connection nor
    another caller of this is likely to be that somebody. Raises OSError where there is none.
    """
    for port in random.sample(_NOT_HANDED_OUT, 100):
        if is_free(LOOPBACK, port):
            return port
    raise OSError(f"of 100 ports tried on {LOOPBACK} none is free")


def is_free(host: str, port: int) -> bool:
    """Tell whether a server could listen here; a port kept from this user counts as free, its server will say so."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except PermissionError:
            return True
        except OSError:
            return False
    return True


def next_free(host: str, port: int) -> int:
    """Return the nearest free port above one that is taken."""
    return next((other for other in range(port + 1, min(port + 200, 65536)) if is_free(host, other)), port + 1)


def listener(port: int) -> int | None:
    """Return the process that listens on a port, or None when that cannot be found out."""
    sockets = {f"socket:[{inode}]" for inode in _listening_inodes(port)}
    return next((pid for pid, _ in sessions.processes() if sockets and _holds(pid, sockets)), None)


def describe_listener(port: int) -> str:
    """Name the program that listens on a port, for an error message."""
    pid = listener(port)
    if pid is None:
        return "another program"
    return f"{program_name(pid)} (pid {pid})"


def program_name(pid: int) -> str:
    """Return the short name that the system keeps for a process."""
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return "another program"


def _listening_inodes(port: int) -> set[str]:
    inodes = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        if not Path(table).exists():
            continue
        for line in Path(table).read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == _LISTENING and int(fields[1].rpartition(":")[2], 16) == port:
                inodes.add(fields[9])
    return inodes


def _holds(pid: int, sockets: set[str]) -> bool:
    directory = f"/proc/{pid}/fd"
    try:
        handles = os.listdir(directory)
    except OSError:
        return False
    return any(_target(f"{directory}/{handle}") in sockets for handle in handles)


def _target(link: str) -> str:
    try:
        return os.readlink(link)
    except OSError:
        return ""
