"""What the contract suite asks of a vendor's fake: to say a given thing on its own wire, and to tell what it was asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol, runtime_checkable

from app.inference.identity.identity import Identity
from app.wire.events import Usage
from tests.inference.fakes.server import Received, Reply, Step

USAGE = Usage(input=20, cache_read=7, cache_write=3, output=11, reasoning=4)


@dataclass(frozen=True, kw_only=True)
class Said:
    """What a model answers, in words that no vendor owns. ``tools``: name and arguments of each call, as pieces of JSON text."""

    text: tuple[str, ...] = ()
    reasoning: tuple[str, ...] = ()
    tools: tuple[tuple[str, tuple[str, ...]], ...] = ()
    finish: str = "stop"
    usage: Usage | None = USAGE


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What a request means, whatever its wire. ``turns``: role and text of each turn of the user and the assistant."""

    model: str
    stream: bool
    system: str = ""
    text: str = ""
    stop: tuple[str, ...] = ()
    max_tokens: int | None = None
    turns: tuple[tuple[str, str], ...] = ()
    temperature: float | None = None
    tools: tuple[str, ...] = ()
    tool_choice: str = ""
    schema: Mapping[str, Any] | None = None
    images: tuple[str, ...] = ()
    tool_results: Mapping[str, str] = field(default_factory=dict)
    key: str = ""


class Fault(StrEnum):
    """What a vendor can answer in place of an answer."""

    WRONG_KEY = "wrong_key"
    NO_ACCESS = "no_access"
    NO_MODEL = "no_model"
    NO_MONEY = "no_money"
    RATE_LIMITED = "rate_limited"
    OVERLOADED = "overloaded"
    BROKEN = "broken"
    BAD_REQUEST = "bad_request"
    TOO_LONG = "too_long"
    REFUSED = "refused"


class Lack(StrEnum):
    """What a vendor's wire may not have. The promises about it are then not asked for, but what a caller can ask for must be refused."""

    TOOLS = "tools"
    SCHEMA = "schema"
    IMAGES = "images"
    REASONING = "reasoning"
    END_MARK = "end_mark"  # beside the event with the finish reason


class Framed(Protocol):
    """How the events of a vendor's streams are framed.

    ``ends``: what a whole event ends with. ``unfinished``: how an event begins. ``garbage``: what is no event of the wire. ``rewritten``:
    other ways to write the same, as bytes to replace and their replacements.
    """

    stream_type: str
    ends: tuple[bytes, ...]
    unfinished: bytes
    garbage: Sequence[bytes]
    rewritten: Mapping[str, tuple[bytes, bytes]]


class Entered:
    """How a vendor is entered where it takes no more than a key: what its entry in a routes file has beside adapter, model and address, the
    environment, and what identities of the machine there are.
    """

    entry: Mapping[str, str] = {"key_env": "KEY"}

    def environment(self, key: str) -> Mapping[str, str]:
        return {"KEY": key}

    def identities(self, key: str) -> Mapping[tuple[str, ...], Identity]:
        del key
        return {}


class ServerSent(Entered):
    """Server-sent events with JSON in them."""

    stream_type = "text/event-stream; charset=utf-8"
    ends: tuple[bytes, ...] = (b"\n\n", b"\r\n\r\n")
    unfinished = b"data: "
    garbage: Sequence[bytes] = (
        b"data: {nonsense\n\n",
        b"<html>hello</html>\n\n",
        b'data: {"a": "\xff"}\n\n',
        b"data: 7\n\n",
    )
    rewritten: Mapping[str, tuple[bytes, bytes]] = {
        "space": (b"data: ", b"data:"),
        "crlf": (b"\n", b"\r\n"),
        "json": (b'": ', b'":  '),
        "ids": (b"data: ", b"id: 7\nretry: 10\ndata: "),
        "ids alone": (b"data: ", b"id: 7\n\nretry: 10\n\n: data\n\ndata: "),
    }


class Vendor(Framed, Protocol):
    """``adapter`` is its name in a routes file; ``base_path`` follows the server's address in `base_url`.

    ``lacks``: what its wire does not have; ``usage``: as much of USAGE as its wire can tell. ``entry``: what its entry there has beside the usual.
    """

    adapter: str
    base_path: str
    lacks: frozenset[Lack]
    usage: Usage
    entry: Mapping[str, str]

    def environment(self, key: str) -> Mapping[str, str]: ...
    def identities(self, key: str) -> Mapping[tuple[str, ...], Identity]:
        """Those of the machine, of which each shows ``key``: for a vendor that takes no key of the entry's."""
        ...

    def whole(self, said: Said) -> Reply: ...
    def stream(self, said: Said) -> list[bytes]:
        """The events, one element each: one that moves nothing, then the content, and at last the end mark, unless the wire lacks one."""
        ...

    def fault(self, fault: Fault, key: str = "") -> Reply:
        """The error answer; it quotes ``key``, as some servers do whatever is wrong."""
        ...

    def error_event(self, fault: Fault, key: str = "") -> bytes:
        """The same as an event of a stream."""
        ...

    def ping(self) -> bytes:
        """An event that moves nothing."""
        ...

    def asked(self, received: Received) -> Asked: ...


@runtime_checkable
class Binary(Protocol):
    """A vendor whose events cannot be changed like text: they carry their length, and a checksum."""

    def rewrite(self, events: bytes, old: bytes, new: bytes) -> bytes: ...


def rewrite(vendor: Vendor, events: bytes, old: bytes, new: bytes) -> bytes:
    """A stream's whole ``events`` with ``old`` replaced in what they say."""
    return vendor.rewrite(events, old, new) if isinstance(vendor, Binary) else events.replace(old, new)


def quoting(message: str, key: str) -> str:
    """An error's text that quotes ``key``, where there is one."""
    return f"{message} (key {key})" if key else message


def steps(events: list[bytes]) -> list[Step]:
    return list(events)
