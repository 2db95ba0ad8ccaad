"""Server-sent events: where one ends, and what it says. Follows the HTML standard, section 9.2 (server-sent events)."""

from __future__ import annotations

from collections.abc import Iterator

HEARTBEAT = b": ping\n\n"
DONE = b"data: [DONE]\n\n"


def whole(buffer: bytes | bytearray) -> int:
    """The index behind the last whole event in ``buffer``; 0 when there is none."""
    lf = buffer.rfind(b"\n\n")
    crlf = buffer.rfind(b"\r\n\r\n")
    if lf < 0 and crlf < 0:
        return 0
    return max(lf + 2, crlf + 4)


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


def event(payload: bytes) -> bytes:
    """One event that carries ``payload``, which holds no line break."""
    return b"data: " + payload + b"\n\n"
