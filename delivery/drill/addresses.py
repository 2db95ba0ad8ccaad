"""Addresses of this machine where nobody answers: by a refusal at once, or by nothing at all."""

from __future__ import annotations

import contextlib
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager

LOOPBACK = "127.0.0.1"
_QUEUED = 8  # connections at most until a queue made for none is full


@contextmanager
def refusing(port: int = 0) -> Iterator[str]:
    """An address where every connection is refused: bound, so that nobody else listens there, and never listening."""
    with bound(port) as held:
        yield f"http://{LOOPBACK}:{held.getsockname()[1]}"


@contextmanager
def black_hole(port: int = 0) -> Iterator[str]:
    """An address that never answers: Linux drops the first packet of a connection while the queue of those not accepted is full."""
    with contextlib.ExitStack() as stack:
        listening = stack.enter_context(bound(port))
        listening.listen(0)
        address = listening.getsockname()
        for _ in range(_QUEUED):
            filling = stack.enter_context(socket.socket())
            filling.settimeout(0.05)
            try:
                filling.connect(address)
            except TimeoutError:
                yield f"http://{LOOPBACK}:{address[1]}"
                return
    raise AssertionError("the queue of a listening socket takes more connections than it was given room for")


def bound(port: int) -> socket.socket:
    """A socket at ``port``, any free one for 0, even where connections of an earlier one are not over yet."""
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.bind((LOOPBACK, port))
    return made


def reset_on_close(connection: socket.socket) -> None:
    """Has the kernel send RST in place of FIN (socket(7), SO_LINGER with a time of 0)."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
