"""Runs inside a network namespace and hands out its sockets: whoever has one speaks to what listens there, and nothing else can.

    unshare --net python -m tests.containers.namespace PATH

It listens on the Unix socket PATH, says `ready`, and ends when its standard input does.
"""

from __future__ import annotations

import fcntl
import os
import select
import socket
import struct
import sys

# linux/sockios.h and linux/if.h, checked 2026-12-01
_SET_FLAGS = 0x8914
_UP = 0x1


def main(path: str) -> None:
    with socket.socket() as any_socket:
        fcntl.ioctl(any_socket, _SET_FLAGS, struct.pack("16sh", b"lo", _UP))
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(path)
        listening.listen(64)
        os.write(sys.stdout.fileno(), b"ready\n")
        while sys.stdin not in (ready := select.select([listening, sys.stdin], [], [])[0]):
            if listening in ready:
                _hand_out(listening)


def _hand_out(listening: socket.socket) -> None:
    asking, _ = listening.accept()
    with asking, socket.socket() as made:
        socket.send_fds(asking, [b"."], [made.fileno()])


if __name__ == "__main__":
    main(sys.argv[1])
