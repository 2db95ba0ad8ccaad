"""The codecs by wire: which bytes are read and written how."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

from app.wire.chat import Chat
from app.wire.events import Event, Scan, Wire
from app.wire.openai_chat import OpenAIChat


class Writer(Protocol):
    """Writes one answer's events as a stream; may remember what it wrote."""

    def render(self, events: Iterable[Event]) -> bytes: ...


class Reader(Protocol):
    """Reads one stream's whole events; may remember what it read."""

    def read(self, raw: bytes) -> Iterator[Event]: ...


class Written(Protocol):
    """A wire that callers read."""

    @property
    def wire(self) -> Wire: ...
    def writer(self, *, include_usage: bool) -> Writer: ...
    def render_whole(self, events: Iterable[Event]) -> bytes: ...


class Codec(Written, Protocol):
    """A wire that backends send. Everything is pure: bytes in, values out."""

    def scan(self, raw: bytes, *, hide_usage: bool) -> Scan: ...
    def scan_whole(self, raw: bytes) -> Scan: ...
    def reader(self) -> Reader: ...
    def parse_whole(self, raw: bytes) -> Iterator[Event]: ...


READ: dict[Wire, Codec] = {
    Wire.OPENAI_CHAT: OpenAIChat(),
    Wire.OPENAI_COMPLETIONS: OpenAIChat(Wire.OPENAI_COMPLETIONS),
    Wire.OPENAI_EMBEDDINGS: OpenAIChat(Wire.OPENAI_EMBEDDINGS),
}
WRITTEN: dict[Wire, Written] = {Wire.CHAT: Chat(), **READ}
