"""A stream of OpenAI's chat chunks as the whole answer that it would have been: for callers who want no stream, of backends that are watched while they write.

What a vendor adds to its chunks is kept: texts are put together, lists are one list, and of everything else the last value counts.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from app.wire import sse
from app.wire.calls import Calls

_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode
_ONCE = frozenset({"id", "type", "role", "name", "format"})  # said once; some servers repeat them in each chunk
_LAST = frozenset({"finish_reason", "native_finish_reason", "stop_reason"})  # no texts that grow
_GROWING = frozenset({"text", "thinking"})  # parts of a content that is a list (Mistral's reasoning models)


def joined(raws: Iterable[bytes]) -> bytes:
    """One ``chat.completion`` object."""
    body: dict[str, Any] = {}
    choices: dict[int, _Joined] = {}
    for raw in raws:
        for block in sse.blocks(raw):
            if (payload := sse.data(block)) and not payload.startswith(b"[DONE]"):
                _add(_decode(payload), body, choices)
    body |= {"object": "chat.completion", "choices": [choices[index].choice() for index in sorted(choices)]}
    return _encode(body)


def _add(chunk: dict[str, Any], body: dict[str, Any], choices: dict[int, _Joined]) -> None:
    for name, value in chunk.items():
        if name == "choices":
            for choice in value or ():
                choices.setdefault(choice.get("index") or 0, _Joined()).add(choice)
        elif value is not None and not (name in ("id", "created", "model") and body.get(name)):
            body[name] = value


class _Joined:
    """One choice, put together from its parts."""

    def __init__(self) -> None:
        self._merged: dict[str, Any] = {}
        self._tools: list[dict[str, Any]] = []
        self._calls = Calls()

    def add(self, choice: dict[str, Any]) -> None:
        delta = choice.get("delta")
        if isinstance(delta, dict) and isinstance(delta.get("tool_calls"), list):
            for call in delta["tool_calls"]:
                self._call(call)
            delta = {name: value for name, value in delta.items() if name != "tool_calls"}
        _merge(self._merged, choice | {"delta": delta})

    def _call(self, call: dict[str, Any]) -> None:
        name = (call.get("function") or {}).get("name")
        slot = self._calls.slot(call.get("index"), call.get("id") or "", name or "")
        if slot == len(self._tools):
            self._tools.append({})
        _merge(self._tools[slot], {name: value for name, value in call.items() if name != "index"})

    def choice(self) -> dict[str, Any]:
        """What was added to its delta is its message."""
        message = {"role": "assistant", "content": None, "refusal": None, **(self._merged.pop("delta", None) or {})}
        if self._tools:
            message["tool_calls"] = self._tools
            message["content"] = message["content"] or None
        return {"index": 0, "finish_reason": None, "logprobs": None, **self._merged, "message": message}


def _merge(whole: dict[str, Any], part: dict[str, Any]) -> None:
    for name, value in part.items():
        there = whole.get(name)
        if value is None or (name in _ONCE and there):
            whole.setdefault(name, None)
        elif isinstance(value, dict):
            _merge(_within(whole, name), value)
        elif isinstance(value, str) and isinstance(there, str) and name not in _LAST:
            whole[name] = there + value
        elif isinstance(value, list) or (isinstance(there, list) and isinstance(value, str)):
            whole[name] = _extended(_parts(there), _parts(value))
        else:
            whole[name] = value


def _within(whole: dict[str, Any], name: str) -> dict[str, Any]:
    """The object at ``name``, made where there is none yet."""
    if not isinstance(whole.get(name), dict):
        whole[name] = {}
    found: dict[str, Any] = whole[name]
    return found


def _parts(value: Any) -> list[Any]:
    """A list as it is, a text as the part that it is in a list: a vendor that sends lists may send texts between them."""
    if isinstance(value, str):
        return [{"type": "text", "text": value}] if value else []
    return value if isinstance(value, list) else []


def _extended(there: list[Any], more: list[Any]) -> list[Any]:
    extended = list(there)
    for item in more:
        if extended and _goes_on(extended[-1], item):
            _merge(extended[-1], item)
        else:
            extended.append(item)
    return extended


def _goes_on(last: Any, item: Any) -> bool:
    """Whether ``item`` is more of ``last``: a text of one kind, or what a vendor numbers alike (OpenRouter's `reasoning_details`)."""
    if not (isinstance(last, dict) and isinstance(item, dict) and last.get("type") == item.get("type")):
        return False
    numbers = last.get("index"), item.get("index")
    return numbers[0] == numbers[1] and (numbers[0] is not None or item.get("type") in _GROWING)
