"""The codecs by wire: which bytes are read and written how. A new wire is one file and its line in ``READ``, or ``WRITTEN`` where only callers speak it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

from app.wire.anthropic import Anthropic
from app.wire.bedrock import Bedrock
from app.wire.chat import Chat
from app.wire.events import Event, Scan, Usage, Wire
from app.wire.framing import Framing
from app.wire.gemini import Gemini
from app.wire.openai_chat import OpenAIChat
from app.wire.openai_completions import OpenAICompletions
from app.wire.openai_embeddings import OpenAIEmbeddings


class Writer(Protocol):
    """Writes one answer's events as a stream; may remember what it wrote."""

    def render(self, events: Iterable[Event]) -> bytes: ...
    def end(self) -> bytes:
        """What is due once the answer is known to be complete: the wire's own end mark, and what it held back until then."""
        ...


class Reader(Protocol):
    """Reads one stream's whole events; may remember what it read."""

    def read(self, raw: bytes) -> Iterator[Event]: ...


class Written(Protocol):
    """A wire that callers read, or in which an answer that was cut can go on. ``end_mark``: what the wire writes behind a complete stream."""

    @property
    def wire(self) -> Wire: ...
    @property
    def framing(self) -> Framing: ...
    @property
    def end_mark(self) -> bytes: ...
    def writer(self, *, include_usage: bool) -> Writer: ...
    def render_whole(self, events: Iterable[Event]) -> bytes: ...


class Scanned(Protocol):
    """A wire that backends send and that can be passed on as it is. Everything is pure: bytes in, values out. Raises Garbled."""

    @property
    def wire(self) -> Wire: ...
    @property
    def framing(self) -> Framing: ...
    def scan(self, raw: bytes, *, hide_usage: bool) -> Scan: ...
    def scan_whole(self, raw: bytes) -> Scan: ...
    def total(self, before: Usage | None, now: Usage) -> Usage:
        """The usage so far, where ``now`` was said after ``before``."""
        ...


class Read(Scanned, Protocol):
    """A wire that can be translated from: all that a backend's own wire needs."""

    def reader(self) -> Reader: ...
    def parse_whole(self, raw: bytes) -> Iterator[Event]: ...


class Codec(Read, Written, Protocol):
    """A wire that can be translated from and to."""


_BOTH: dict[Wire, Codec] = {
    Wire.OPENAI_CHAT: OpenAIChat(),
    Wire.OPENAI_COMPLETIONS: OpenAICompletions(),
    Wire.ANTHROPIC: Anthropic(),
}
READ: dict[Wire, Read] = {**_BOTH, Wire.BEDROCK: Bedrock(), Wire.GEMINI: Gemini()}
SCANNED: dict[Wire, Scanned] = {Wire.OPENAI_EMBEDDINGS: OpenAIEmbeddings(), **READ}
WRITTEN: dict[Wire, Written] = {Wire.CHAT: Chat(), **_BOTH}
