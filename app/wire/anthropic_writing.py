"""Anthropic's Messages, written: the events of a stream and the whole message, out of events that any backend gave."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from app.wire import sse
from app.wire.events import Event, Finish, Reasoning, Refusal, Start, Text, ToolCall, Usage

_encode = msgspec.json.Encoder().encode
_STOP = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use", "content_filter": "refusal"}


def _usage_object(usage: Usage) -> dict[str, Any]:
    return {
        "input_tokens": usage.input,
        "cache_read_input_tokens": usage.cache_read,
        "cache_creation_input_tokens": usage.cache_write + usage.cache_write_1h,
        "cache_creation": {
            "ephemeral_5m_input_tokens": usage.cache_write,
            "ephemeral_1h_input_tokens": usage.cache_write_1h,
        },
        "output_tokens": usage.completion,
        "output_tokens_details": {"thinking_tokens": usage.reasoning},
    }


def _stop(finish: str, refusal: str) -> dict[str, Any]:
    """``stop_reason`` and what goes with it."""
    details = {"type": "refusal", "category": None, "explanation": refusal} if refusal else None
    return {"stop_reason": _STOP.get(finish, "end_turn"), "stop_sequence": None, "stop_details": details}


def _message(start: Start) -> dict[str, Any]:
    return {"id": start.id, "type": "message", "role": "assistant", "model": start.model}


class AnthropicWriter:
    """Writes one answer's events as Anthropic's. Usage and the stop reason share one event, so both wait for the end."""

    def __init__(self) -> None:
        self._open: tuple[str, int] | None = None  # the kind and index of the content block that is being written
        self._blocks = 0
        self._tools: dict[int, int] = {}  # the content block of each tool call
        self._finish = "stop"
        self._refusal = ""
        self._usage = Usage()

    def render(self, events: Iterable[Event]) -> bytes:
        parts: list[bytes] = []
        for event in events:
            parts += self._write(event)
        return b"".join(parts)

    def end(self) -> bytes:
        delta = {
            "type": "message_delta",
            "delta": _stop(self._finish, self._refusal),
            "usage": _usage_object(self._usage),
        }
        return b"".join((*self._close(), _event(delta), MESSAGE_STOP))

    def _write(self, event: Event) -> Iterable[bytes]:
        if getattr(event, "index", 0):
            return ()  # this wire has one choice
        match event:
            case Start():
                opening = {"content": [], **_stop("", ""), "stop_reason": None, "usage": _usage_object(Usage())}
                return (_event({"type": "message_start", "message": _message(event) | opening}),)
            case Text(text):
                return self._part({"type": "text", "text": ""}, {"type": "text_delta", "text": text})
            case Reasoning(text):
                empty = {"type": "thinking", "thinking": "", "signature": ""}
                return self._part(empty, {"type": "thinking_delta", "thinking": text})
            case ToolCall():
                return self._tool(event)
            case Refusal(text):
                self._refusal += text
            case Finish(reason):
                self._finish = reason
            case Usage():
                self._usage = event
        return ()

    def _part(self, empty: dict[str, Any], delta: dict[str, Any]) -> Iterable[bytes]:
        if self._open is None or self._open[0] != empty["type"]:
            yield from self._begin(empty)
        assert self._open is not None
        yield _event({"type": "content_block_delta", "index": self._open[1], "delta": delta})

    def _tool(self, event: ToolCall) -> Iterable[bytes]:
        if event.slot not in self._tools:
            self._tools[event.slot] = self._blocks
            yield from self._begin({"type": "tool_use", "id": event.id, "name": event.name, "input": {}})
        if event.arguments:
            delta = {"type": "input_json_delta", "partial_json": event.arguments}
            yield _event({"type": "content_block_delta", "index": self._tools[event.slot], "delta": delta})

    def _begin(self, block: dict[str, Any]) -> Iterable[bytes]:
        yield from self._close()
        self._open = (block["type"], self._blocks)
        yield _event({"type": "content_block_start", "index": self._blocks, "content_block": block})
        self._blocks += 1

    def _close(self) -> Iterable[bytes]:
        if self._open is not None:
            yield _event({"type": "content_block_stop", "index": self._open[1]})
            self._open = None


def _event(body: dict[str, Any]) -> bytes:
    return sse.event(_encode(body), body["type"].encode())


MESSAGE_STOP = _event({"type": "message_stop"})


def message_object(events: Iterable[Event]) -> bytes:
    """One ``message`` object."""
    start, usage, finish, refusal = Start("", "", 0), Usage(), "stop", ""
    content: list[dict[str, Any]] = []
    tools: dict[int, dict[str, Any]] = {}
    for event in events:
        if getattr(event, "index", 0):
            continue
        match event:
            case Start():
                start = event
            case Usage():
                usage = event
            case Finish(reason):
                finish = reason
            case Refusal(text):
                refusal += text
            case Text(text):
                _append(content, "text", "text", text)
            case Reasoning(text):
                _append(content, "thinking", "thinking", text)
            case ToolCall():
                if event.slot not in tools:
                    tools[event.slot] = {"type": "tool_use", "id": event.id, "name": event.name, "input": ""}
                    content.append(tools[event.slot])
                tools[event.slot]["input"] += event.arguments
    for tool in tools.values():
        tool["input"] = msgspec.json.decode(tool["input"] or "{}")
    return _encode(_message(start) | {"content": content, **_stop(finish, refusal), "usage": _usage_object(usage)})


def _append(content: list[dict[str, Any]], kind: str, field: str, text: str) -> None:
    if content and content[-1]["type"] == kind:
        content[-1][field] += text
    else:
        content.append({"type": kind, field: text} | ({"signature": ""} if kind == "thinking" else {}))
