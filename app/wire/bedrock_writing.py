"""Bedrock's Converse, written: so that an answer of Bedrock's that broke off can go on with what another backend says. No caller speaks it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from app.wire import event_stream
from app.wire.events import Event, Finish, Reasoning, Refusal, Start, Text, ToolCall, Usage

_encode = msgspec.json.Encoder().encode
_STOP = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use", "content_filter": "content_filtered"}
_METRICS = {"latencyMs": 0}  # in every answer, and measured by nobody here


def usage_object(usage: Usage) -> dict[str, Any]:
    """Thinking is counted with the rest of the output."""
    lives = {"1h": usage.cache_write_1h, "5m": usage.cache_write}
    return {
        "inputTokens": usage.input,
        "outputTokens": usage.completion,
        "totalTokens": usage.prompt + usage.completion,
        "cacheReadInputTokens": usage.cache_read,
        "cacheWriteInputTokens": usage.cache_write + usage.cache_write_1h,
        "cacheDetails": [{"ttl": ttl, "inputTokens": count} for ttl, count in lives.items() if count],
    }


def _message(kind: str, value: dict[str, Any]) -> bytes:
    headers = {":event-type": kind, ":content-type": "application/json", ":message-type": "event"}
    return event_stream.message(headers, _encode(value))


class BedrockWriter:
    """Writes one answer's events as a stream. One block is open at a time; a tool call is a block, and so is what stands between two."""

    def __init__(self) -> None:
        self._index = -1
        self._open: object = None  # the kind of the block, or the slot of the call

    def render(self, events: Iterable[Event]) -> bytes:
        return b"".join(part for event in events for part in self._parts(event))

    def end(self) -> bytes:
        return b""

    def _parts(self, event: Event) -> Iterator[bytes]:
        match event:
            case Start():
                yield _message("messageStart", {"role": "assistant"})
            case Text(text) | Refusal(text):
                yield from self._turn_to(Text)
                yield self._delta({"text": text})
            case Reasoning(text):
                yield from self._turn_to(Reasoning)
                yield self._delta({"reasoningContent": {"text": text}})
            case ToolCall():
                yield from self._call(event)
            case Finish(reason):
                yield from self._close()
                yield _message("messageStop", {"stopReason": _STOP.get(reason, "end_turn")})
            case Usage():
                yield _message("metadata", {"usage": usage_object(event), "metrics": _METRICS})

    def _call(self, call: ToolCall) -> Iterator[bytes]:
        start = {"toolUse": {"toolUseId": call.id, "name": call.name}} if call.id else None
        yield from self._turn_to(call.slot, start)
        if call.arguments:
            yield self._delta({"toolUse": {"input": call.arguments}})

    def _turn_to(self, kind: object, start: dict[str, Any] | None = None) -> Iterator[bytes]:
        """Opens a block of ``kind``, unless one is open. Text and thoughts begin with their first part."""
        if kind == self._open:
            return
        yield from self._close()
        self._open = kind
        self._index += 1
        if start is not None:
            yield _message("contentBlockStart", {"start": start, "contentBlockIndex": self._index})

    def _close(self) -> Iterator[bytes]:
        if self._open is not None:
            self._open = None
            yield _message("contentBlockStop", {"contentBlockIndex": self._index})

    def _delta(self, delta: dict[str, Any]) -> bytes:
        return _message("contentBlockDelta", {"delta": delta, "contentBlockIndex": self._index})


def answer_object(events: Iterable[Event]) -> bytes:
    """The whole answer."""
    reasoning, text = "", ""
    calls: dict[int, dict[str, str]] = {}
    reason = "stop"
    usage: dict[str, Any] = {}
    for event in events:
        match event:
            case Reasoning():
                reasoning += event.text
            case Text() | Refusal():
                text += event.text
            case ToolCall():
                call = calls.setdefault(event.slot, {"id": "", "name": "", "arguments": ""})
                call["id"], call["name"] = call["id"] or event.id, call["name"] or event.name
                call["arguments"] += event.arguments
            case Finish():
                reason = event.reason
            case Usage():
                usage = {"usage": usage_object(event)}
    content: list[dict[str, Any]] = [{"reasoningContent": {"reasoningText": {"text": reasoning}}}] if reasoning else []
    content += [{"text": text}] if text else []
    content += [{"toolUse": _tool_use(call)} for call in calls.values()]
    message = {"role": "assistant", "content": content}
    stop = _STOP.get(reason, "end_turn")
    return _encode({"output": {"message": message}, "stopReason": stop, "metrics": _METRICS} | usage)


def _tool_use(call: dict[str, str]) -> dict[str, Any]:
    return {"toolUseId": call["id"], "name": call["name"], "input": msgspec.Raw(call["arguments"].encode() or b"{}")}
