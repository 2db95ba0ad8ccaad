"""How long a whole answer may become, as far as its request says, and whether it is better watched while it is written. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.logic.answer import Call, Endpoint

# A stream costs this app 50 µs a token, and a whole answer of any length 300 µs: short ones are asked for as they are.
SHORT_TOKENS = 256


def most_tokens(body: Mapping[str, Any]) -> int | None:
    """The caller's limit; None where it gave none."""
    limit: int | None = body.get("max_completion_tokens") or body.get("max_tokens")
    return limit


def may_join(call: Call, most: int | None) -> bool:
    """Whether a whole answer of at most ``most`` tokens is worth asking for as a stream: a chat that may become long."""
    return call.endpoint is Endpoint.CHAT and (most is None or most > SHORT_TOKENS)
