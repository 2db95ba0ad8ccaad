"""Framings: how the events of a stream follow each other in its bytes, and by what content type such a stream is known. Each codec names its own."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

WHOLE = "application/json"  # an answer that is not streamed is one JSON body in every wire
BEGINS_WHOLE = re.compile(rb"\s*\{")
BYTE_ORDER_MARK = b"\xef\xbb\xbf"  # allowed at the start of a stream, and nowhere else


class Cutter(Protocol):
    """Turns one stream's reads into whole events."""

    @property
    def held(self) -> int:
        """The bytes of the event that is not whole yet."""
        ...

    def feed(self, got: bytes) -> bytes:
        """The whole events that ``got`` completes; empty when there are none."""
        ...

    def rest(self) -> bytes:
        """What is left when the stream is over, with the end that a careless server did not write; empty when nothing is."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Framing:
    """``end``: the bytes that end each event as servers commonly write it; empty where an event says its own length.

    ``begins``: how such a stream begins, by which it is known under another content type.
    """

    content_type: str
    begins: re.Pattern[bytes]
    end: bytes
    cutter: Callable[[], Cutter]
