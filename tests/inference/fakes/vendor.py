"""What the contract suite asks of a vendor's fake: to say a given thing on its own wire, and to tell what it was asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

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
    """What a request means, whatever its wire."""

    model: str
    stream: bool
    system: str = ""
    text: str = ""
    stop: tuple[str, ...] = ()
    max_tokens: int | None = None
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


class Vendor(Protocol):
    """``adapter`` is its name in a routes file; ``base_path`` follows the server's address in `base_url`."""

    adapter: str
    base_path: str

    def whole(self, said: Said) -> Reply: ...
    def stream(self, said: Said) -> list[bytes]:
        """The events, one element each; the last one is the end mark."""
        ...

    def fault(self, fault: Fault, headers: Mapping[str, str]) -> Reply: ...
    def error_event(self, fault: Fault) -> bytes: ...
    def ping(self) -> bytes:
        """An event that moves nothing."""
        ...

    def asked(self, received: Received) -> Asked: ...


def steps(events: list[bytes]) -> list[Step]:
    return list(events)
