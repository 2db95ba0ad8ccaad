"""A stream of OpenAI's chat chunks as the whole answer that it would have been: for callers who want no stream, of backends that are watched while they write.

What a vendor adds to its chunks is kept: texts are put together, lists are one list, and of everything else the last value counts.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from app.wire import sse

_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode
_ONCE = frozenset({"id", "type", "role", "name"})  # said once; some servers repeat them in each chunk


def joined(raws: Iterable[bytes]) -> bytes:
    """One ``chat.completion`` object."""
    body: dict[str, Any] = {}
    choices: dict[int, dict[str, Any]] = {}
    for raw in raws:
        for block in sse.blocks(raw):
            if (payload := sse.data(block)) and not payload.startswith(b"[DONE]"):
                _add(_decode(payload), body, choices)
    body |= {"object": "chat.completion", "choices": [_choice(choices[index]) for index in sorted(choices)]}
    return _encode(body)


def _add(chunk: dict[str, Any], body: dict[str, Any], choices: dict[int, dict[str, Any]]) -> None:
    for name, value in chunk.items():
        if name == "choices":
            for choice in value or ():
                _merge(choices.setdefault(choice.get("index") or 0, {}), choice)
        elif value is not None and not (name in ("id", "created", "model") and body.get(name)):
            body[name] = value


def _merge(whole: dict[str, Any], part: dict[str, Any]) -> None:
    for name, value in part.items():
        there = whole.get(name)
        if value is None or (name in _ONCE and there):
            whole.setdefault(name, None)
        elif name == "tool_calls" and isinstance(value, list):
            for place, call in enumerate(value):
                _merge(_within(_within(whole, name), call.get("index", place)), call)
        elif isinstance(value, dict):
            _merge(_within(whole, name), value)
        elif isinstance(value, str) and isinstance(there, str) and name != "finish_reason":
            whole[name] = there + value
        elif isinstance(value, list) and isinstance(there, list):
            whole[name] = [*there, *value]
        else:
            whole[name] = value


def _within(whole: dict[Any, Any], name: Any) -> dict[Any, Any]:
    """The object at ``name``, made where there is none yet."""
    if not isinstance(whole.get(name), dict):
        whole[name] = {}
    found: dict[Any, Any] = whole[name]
    return found


def _choice(merged: dict[str, Any]) -> dict[str, Any]:
    """A choice of a whole answer: what was added to its delta is its message."""
    delta: dict[str, Any] = merged.pop("delta", None) or {}
    calls = delta.pop("tool_calls", None) or {}
    message = {"role": "assistant", "content": None, "refusal": None, **delta}
    if calls:
        message["tool_calls"] = [
            {name: value for name, value in calls[slot].items() if name != "index"} for slot in sorted(calls)
        ]
        message["content"] = message["content"] or None
    return {"index": 0, "finish_reason": None, "logprobs": None, **merged, "message": message}
