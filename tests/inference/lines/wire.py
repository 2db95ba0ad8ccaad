"""A wire that frames its events by lines, as Ollama's does: newline-delimited JSON, whose last line has the finish reason and the counts.

Nobody in the app speaks it: it shows that a wire brings its framing along, and what a codec for a backend's own wire takes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import cast

import msgspec

from app.wire.events import Event, Finish, Garbled, Scan, Start, Text, Usage, Wire
from app.wire.framing import Framing

WIRE = cast("Wire", "lines")


class _Message(msgspec.Struct):
    content: str = ""


class _Line(msgspec.Struct):
    message: _Message = msgspec.field(default_factory=_Message)
    done_reason: str = ""
    prompt_eval_count: int | None = None
    eval_count: int = 0
    error: msgspec.Raw = msgspec.Raw()

    @property
    def usage(self) -> Usage | None:
        return None if self.prompt_eval_count is None else Usage(input=self.prompt_eval_count, output=self.eval_count)


class LineCutter:
    """Cuts at line ends. ``held``: the bytes of the line that is not whole yet."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self.held = 0

    def feed(self, got: bytes) -> bytes:
        cut = got.rfind(b"\n") + 1
        lines = b"".join((*self._parts, got[:cut])) if cut else b""
        if cut:
            self._parts, self.held = [], 0
        self._parts.append(got[cut:])
        self.held += len(got) - cut
        return lines

    def rest(self) -> bytes:
        left = b"".join(self._parts)
        return left + b"\n" if left.strip() else b""


class Lines:
    """The codec: all that a backend's own wire needs."""

    wire = WIRE
    framing = Framing(content_type="application/x-ndjson", begins=re.compile(rb"\s*\{"), end=b"\n", cutter=LineCutter)

    def scan(self, raw: bytes, *, hide_usage: bool) -> Scan:
        seen = Scan(raw)
        for line in _lines(raw):
            seen.progress |= bool(line.message.content)
            if line.error:
                seen.error = b'{"error":' + bytes(line.error) + b"}"
                seen.raw = b"".join(part for part in raw.splitlines(True) if b'"error"' not in part)
            if line.done_reason:
                seen.done, seen.finish, seen.finished = True, line.done_reason, frozenset({0})
                seen.usage = line.usage
        return seen

    def scan_whole(self, raw: bytes) -> Scan:
        seen = self.scan(raw, hide_usage=False)
        if not seen.done and seen.error is None:
            raise Garbled("the answer has no end", raw)
        return seen

    def total(self, before: Usage | None, now: Usage) -> Usage:
        return now

    def reader(self) -> Reader:
        return Reader()

    def parse_whole(self, raw: bytes) -> Iterator[Event]:
        return Reader().read(raw)


class Reader:
    def __init__(self) -> None:
        self._started = False

    def read(self, raw: bytes) -> Iterator[Event]:
        if not self._started:
            self._started = True
            yield Start("lines-1", "lines", 1700000000)
        for line in _lines(raw):
            if line.message.content:
                yield Text(line.message.content)
            if line.done_reason:
                yield Finish(line.done_reason)
            if line.usage is not None:
                yield line.usage


def _lines(raw: bytes) -> Iterator[_Line]:
    for line in raw.split(b"\n"):
        if line.strip():
            try:
                yield msgspec.json.decode(line, type=_Line)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                raise Garbled("not a line of JSON", line) from error


CODEC = Lines()
