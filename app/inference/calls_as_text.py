"""A conversation with function calls, told in words: for a model whose chat template has no place for them, and would drop them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

_encode = msgspec.json.Encoder().encode
_UNNAMED = "a function"


def told(messages: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """``messages`` in OpenAI's form with each call as a line of the assistant's, and each result as the user's word.

    In words, and not as the JSON that a forced call is: a small model that has seen one such answer gives another where it is to say what
    came of it.
    """
    names: dict[Any, str] = {}
    said: list[dict[str, Any]] = []
    for message in messages:
        if calls := message.get("tool_calls"):
            names |= {call.get("id"): _function(call).get("name") or _UNNAMED for call in calls}
            said.append(_with_calls(message, calls))
        elif message["role"] == "tool":
            said.append(_result(message, names.get(message.get("tool_call_id"), _UNNAMED)))
        else:
            said.append(message)
    return said


def _with_calls(message: Mapping[str, Any], calls: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    rest = {name: value for name, value in message.items() if name != "tool_calls"}
    return rest | {"content": [*_parts(message.get("content")), *(_part(_line(_function(call))) for call in calls)]}


def _result(message: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {"role": "user", "content": [_part(f"Result of {name}:"), *_parts(message.get("content"))]}


def _function(call: Mapping[str, Any]) -> Mapping[str, Any]:
    return call.get("function") or {}


def _line(function: Mapping[str, Any]) -> str:
    """One call. Arguments are JSON already, as the model wrote them, or the object that a client read them into."""
    arguments = function.get("arguments") or {}
    text = arguments if isinstance(arguments, str) else _encode(arguments).decode()
    return f"Call of {function.get('name') or _UNNAMED}: {text}"


def _parts(content: str | list[dict[str, Any]] | None) -> list[dict[str, Any]]:
    return content if isinstance(content, list) else [_part(content)] if content else []


def _part(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}
