"""What can go wrong with an answer, as values, and the few things that a proxy must know of an answer's bytes to do it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Point(StrEnum):
    """How much of an answer goes out before the fault."""

    NOTHING = "before the headers"
    HALF_HEAD = "in the headers"
    HEAD = "after the headers"
    CONTENT = "between events"
    HALF_EVENT = "inside an event"
    FINISH = "after the finish reason"


class Act(StrEnum):
    RESET = "reset"  # RST
    FIN = "closed"  # the connection ends in the middle of the HTTP body
    END = "clean end"  # the HTTP body ends as it should, the answer does not
    SILENCE = "silence"
    PAUSE = "late"
    PINGS = "pings only"
    ERROR = "error event"
    GARBAGE = "garbage"


@dataclass(frozen=True, slots=True, kw_only=True)
class Break:
    """``pieces``: how many events with content go out before CONTENT or HALF_EVENT; 0 is the role alone."""

    at: Point
    then: Act
    pieces: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Instead:
    """Another answer in place of the healthy one."""

    status: int
    body: bytes
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


class Spelling(StrEnum):
    """The same answer in other bytes."""

    SPLIT = "UTF-8 split over reads"
    CRLF = "CR LF, split over reads"
    SPACED = "JSON with spaces around the colons"
    COMPACT = "JSON without spaces"
    NO_END_MARK = "no end mark"
    NO_USAGE = "usage missing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Respelled:
    """``pieces``: how many events with content are written as usual before."""

    how: Spelling
    pieces: int = 0


Fault = Break | Instead | Respelled


def payload(event: bytes) -> dict[str, Any]:
    """The JSON object of an event or a body; empty where there is none."""
    _, found, text = event.partition(b"data:")
    try:
        value = json.loads(text if found else event)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def is_content(event: bytes) -> bool:
    said = payload(event)
    if said.get("type") == "content_block_delta":
        return True
    return any((choice.get("delta") or {}).get("content") for choice in said.get("choices") or ())


def is_finish(event: bytes) -> bool:
    said = payload(event)
    if said.get("type") == "message_delta":
        return True
    return any(choice.get("finish_reason") for choice in said.get("choices") or ())


def respelled(part: bytes, how: Spelling) -> Iterator[bytes]:
    """``part``, an event or a whole body, as the pieces that are to be read one by one."""
    match how:
        case Spelling.SPLIT:
            at = next((n for n, byte in enumerate(part) if byte & 0xC0 == 0x80), len(part) // 2)
            yield from (part[:at], part[at:])
        case Spelling.CRLF:
            crlf = part.replace(b"\n", b"\r\n")
            yield from (crlf[:-3], crlf[-3:]) if part.endswith(b"\n\n") else (crlf,)
        case Spelling.SPACED:
            yield _rewritten(part, payload(part), (" , ", " : "))
        case Spelling.COMPACT:
            yield _rewritten(part, payload(part), (",", ":")).replace(b"data: ", b"data:")
        case Spelling.NO_END_MARK:
            if not (part.startswith(b"data: [DONE]") or payload(part).get("type") == "message_stop"):
                yield part
        case Spelling.NO_USAGE:
            yield from _without_usage(part)


def _without_usage(part: bytes) -> Iterator[bytes]:
    said = payload(part)
    for holder in (said, said.get("message") or {}):
        holder.pop("usage", None)
    if said.get("choices") != []:
        yield _rewritten(part, said, (",", ":"))


def _rewritten(part: bytes, said: dict[str, Any], separators: tuple[str, str]) -> bytes:
    """``part`` with ``said`` as its JSON, where it has any."""
    if not said:
        return part
    text = json.dumps(said, ensure_ascii=False, separators=separators).encode()
    before, found, _ = part.partition(b"data:")
    return before + b"data: " + text + b"\n\n" if found else text
