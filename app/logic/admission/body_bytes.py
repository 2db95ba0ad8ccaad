"""How many bytes the requests under way may hold at once: a few hundred with images would otherwise fill the memory.

Bytes are reserved while they arrive, since a body that is never completed takes as much as one that is.
"""

from __future__ import annotations

import sys

MAX_BYTES = 256 * 2**20
RETRY_AFTER_S = 1.0


class Full(Exception):
    """This app holds as much as it may; the text says so to the caller. No backend is at fault, and another one would not help."""

    retry_after_s = RETRY_AFTER_S


class BodyBytes:
    """Counts what all requests hold: bodies, messages of WebSockets, and the images that are put into them."""

    def __init__(self, limit: int = MAX_BYTES) -> None:
        self.limit = limit
        self.held = 0

    def share(self) -> Share:
        return Share(self)


class Share:
    """What one request, or one connection, holds of it. Leave it, or close it, when it is over; it may then be used again."""

    __slots__ = ("_all", "size")

    def __init__(self, all: BodyBytes) -> None:
        self._all = all
        self.size = 0

    def grow(self, size: int) -> None:
        """Reserves ``size`` more bytes. Raises Full when that is too much with what the others hold; the only one is let through."""
        everybody = self._all
        if everybody.held + size > everybody.limit and everybody.held > self.size:
            raise Full(
                f"the requests under way hold {everybody.held >> 20} MiB already, of {everybody.limit >> 20} that are taken at once"
            )
        everybody.held += size
        self.size += size

    def resize(self, size: int) -> None:
        """Makes it ``size`` bytes in all. Raises Full."""
        if size > self.size:
            self.grow(size - self.size)
        else:
            self._all.held -= self.size - size
            self.size = size

    def close(self) -> None:
        self.resize(0)

    def beside(self) -> Share:
        """Another one of the same whole, for what does not last as long."""
        return Share(self._all)

    def __enter__(self) -> Share:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


UNCOUNTED = BodyBytes(sys.maxsize).share()  # of requests that are the app's own
