"""Server-sent events: where one ends, and what it says. Follows the HTML standard, section 9.2 (server-sent events), but for a lone CR.

A lone CR as line end is left out: no model server writes it, and it would cost a third search in every read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from app.wire.framing import Framing

DONE = b"data: [DONE]\n\n"  # OpenAI's end mark
_SEAM = 2  # bytes of an event's end mark, at most, that an earlier read may hold: LF CR


def whole(buffer: bytes) -> int:
    """The index behind the last whole event in ``buffer``; 0 when there is none."""
    if buffer.endswith(b"\n\n"):
        return len(buffer)
    lf = buffer.rfind(b"\n\n")
    crlf = buffer.rfind(b"\n\r\n")
    return max(lf + 2 if lf >= 0 else 0, crlf + 3 if crlf >= 0 else 0)


class Cutter:
    """Turns reads into whole events. ``held``: the bytes of the event that is not whole yet."""

    __slots__ = ("_parts", "held")

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self.held = 0

    def feed(self, got: bytes) -> bytes:
        """The whole events that ``got`` completes; empty when there are none. Each byte is searched once, however an event is split."""
        if not self._parts:
            cut = whole(got)
        else:
            seam = self._tail()
            cut = max(0, whole(seam + got) - len(seam))
        if not cut:
            self._hold(got)
            return b""
        events = b"".join((*self._parts, got[:cut])) if self._parts else got[:cut]
        self._parts, self.held = [], 0
        if cut < len(got):
            self._hold(got[cut:])
        return events

    def rest(self) -> bytes:
        """What is left when the stream is over, with the end that a careless server did not write; empty when nothing is."""
        left = b"".join(self._parts)
        self._parts, self.held = [], 0
        return left.rstrip(b"\r\n") + b"\n\n" if left.strip() else b""

    def _hold(self, part: bytes) -> None:
        self._parts.append(part)
        self.held += len(part)

    def _tail(self) -> bytes:
        last = self._parts[-1][-_SEAM:]
        return last if len(last) == _SEAM or len(self._parts) == 1 else self._parts[-2][-1:] + last


def blocks(raw: bytes) -> Iterator[bytes]:
    """Each event's text in ``raw``, which holds whole events only, without the blank line that ends it."""
    if b"\r" in raw:
        raw = raw.replace(b"\r\n", b"\n")
    for block in raw.split(b"\n\n"):
        if block := block.strip(b"\n"):  # some servers send one line break too many
            yield block


def data(block: bytes) -> bytes:
    """The data of one event; empty for a comment or an event without data."""
    if block.startswith(b"data: ") and b"\n" not in block:
        return block[6:]
    lines = [line[5:].removeprefix(b" ") for line in block.split(b"\n") if line.startswith(b"data:")]
    return b"\n".join(lines)


def comment(text: bytes) -> bytes:
    """What clients leave out; ``text`` holds no line break."""
    return b": " + text + b"\n\n"


def is_comment(block: bytes) -> bool:
    return all(line.startswith(b":") for line in block.split(b"\n"))


def is_without_data(block: bytes) -> bool:
    """Whether an event has fields that the standard knows, and none of them is data."""
    return all(line.partition(b":")[0] in (b"", *FIELDS) for line in block.split(b"\n"))


def event(payload: bytes, name: bytes = b"") -> bytes:
    """One event that carries ``payload``, which holds no line break."""
    if name:
        return b"event: " + name + b"\ndata: " + payload + b"\n\n"
    return b"data: " + payload + b"\n\n"


FIELDS = (b"data", b"event", b"id", b"retry")
FRAMING = Framing(
    content_type="text/event-stream",
    begins=re.compile(rb"[\r\n]*(?:%s)?:" % b"|".join(FIELDS)),
    end=b"\n\n",
    cutter=Cutter,
)
