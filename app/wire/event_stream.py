"""AWS's binary event stream: where a message ends, and what it says. Each message tells its own length and carries two checksums.

A message is its length, the length of its headers and a CRC-32 of those two; then headers, a payload and a CRC-32 of all before
(docs.aws.amazon.com/transcribe/latest/dg/streaming-setting-up.html, and eventstream.py of botocore 1.44.5, checked 2026-12-01).
"""

from __future__ import annotations

import functools
import re
import struct
import zlib
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from app.wire.events import Garbled
from app.wire.framing import Framing

CONTENT_TYPE = "application/vnd.amazon.eventstream"
_PRELUDE = struct.Struct(">III")
_CRC = struct.Struct(">I")
_LEAST = _PRELUDE.size + _CRC.size  # neither headers nor a payload
# What the protocol allows, by botocore's own limits.
_MOST_HEADERS = 128 * 2**10
_MOST = 24 * 2**20 + _MOST_HEADERS + _LEAST
_FIXED = {
    0: 0,
    1: 0,
    2: 1,
    3: 2,
    4: 4,
    5: 8,
    8: 8,
    9: 16,
}  # bytes of a header's value by its type: booleans, numbers, a time, a UUID
_SIZED = (6, 7)  # bytes and text, which say their length
_TEXT = 7


class Message(NamedTuple):
    """``headers``: those that are text, which all that Bedrock sends are. ``raw``: the whole message."""

    headers: Mapping[str, str]
    payload: bytes
    raw: bytes


class Cutter:
    """Turns reads into whole messages. ``held``: the bytes of the message that is not whole yet.

    Behind a length that cannot be, no message's end is known: from there on everything goes out at once, so that whoever reads it finds
    that it is none.
    """

    __slots__ = ("_is_lost", "_need", "_parts", "held")

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._need = _PRELUDE.size  # with fewer bytes nothing can be told; so many small reads are joined once
        self._is_lost = False
        self.held = 0

    def feed(self, got: bytes) -> bytes:
        """The whole messages that ``got`` completes; empty when there are none."""
        self._parts.append(got)
        self.held += len(got)
        if self.held < self._need and not self._is_lost:
            return b""
        buffer = b"".join(self._parts)
        cut = len(buffer) if self._is_lost else self._whole(buffer)
        rest = buffer[cut:]
        self._parts, self.held = [rest] if rest else [], len(rest)
        return buffer[:cut]

    def rest(self) -> bytes:
        """Nothing: of half a message nothing can be made."""
        return b""

    def _whole(self, buffer: bytes) -> int:
        """The index behind the last whole message in ``buffer``."""
        at = 0
        self._need = _PRELUDE.size
        while len(buffer) - at >= _PRELUDE.size:
            total = _length(buffer, at)
            if total is None:
                self._is_lost = True
                return len(buffer)
            if len(buffer) - at < total:
                self._need = total
                break
            at += total
        return at


def messages(raw: bytes) -> Iterator[Message]:
    """Each message in ``raw``, which holds whole ones only. Raises Garbled."""
    at = 0
    while at < len(raw):
        total = _length(raw, at) if len(raw) - at >= _LEAST else None
        if total is None or total > len(raw) - at:
            raise Garbled("not a message of an event stream", raw[at:])
        message = raw[at : at + total]
        _, size, _ = _PRELUDE.unpack_from(message)
        (crc,) = _CRC.unpack_from(message, total - _CRC.size)
        payload = message[_PRELUDE.size + size : -_CRC.size]
        if zlib.crc32(message[: -_CRC.size]) != crc:
            raise Garbled("a message's checksum is wrong", payload)
        yield Message(_headers(message[_PRELUDE.size : _PRELUDE.size + size]), payload, message)
        at += total


def message(headers: Mapping[str, str], payload: bytes) -> bytes:
    """One message, as a server writes it."""
    named = b"".join(_header(name.encode(), value.encode()) for name, value in headers.items())
    lengths = struct.pack(">II", _LEAST + len(named) + len(payload), len(named))
    body = lengths + _CRC.pack(zlib.crc32(lengths)) + named + payload
    return body + _CRC.pack(zlib.crc32(body))


def _header(name: bytes, value: bytes) -> bytes:
    return struct.pack(">B", len(name)) + name + struct.pack(">BH", _TEXT, len(value)) + value


def _length(raw: bytes, at: int) -> int | None:
    """What the message that begins at ``at`` says of its length; None where that cannot be."""
    total, size, crc = _PRELUDE.unpack_from(raw, at)
    if zlib.crc32(raw[at : at + 8]) != crc or size > _MOST_HEADERS or not _LEAST + size <= total <= _MOST:
        return None
    return int(total)


@functools.lru_cache(maxsize=64)
def _headers(raw: bytes) -> Mapping[str, str]:
    """A stream's messages have but a few sets of headers."""
    found: dict[str, str] = {}
    at = 0
    try:
        while at < len(raw):
            behind_name = at + 1 + raw[at]
            name, kind = raw[at + 1 : behind_name].decode(), raw[behind_name]
            at = behind_name + 1
            if kind in _SIZED:
                size = int.from_bytes(raw[at : at + 2], "big")
                at += 2
            else:
                size = _FIXED[kind]
            value = raw[at : at + size]
            at += size
            if kind == _TEXT:
                found[name] = value.decode()
    except (IndexError, KeyError, UnicodeDecodeError):
        at = -1
    if at != len(raw):
        raise Garbled("a message's headers are unreadable", raw)
    return found


FRAMING = Framing(
    content_type=CONTENT_TYPE,
    # Two lengths of which the first bytes are 0: no message has 16 MiB, and no headers have 64 KiB.
    begins=re.compile(rb"\x00.{3}\x00\x00.{6}", re.S),
    end=b"",
    cutter=Cutter,
)
