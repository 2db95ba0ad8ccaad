"""OpenAI's chat completions, written: the chunks of a stream and the whole answer. Reading is in ``openai_reading``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from app.wire import sse
from app.wire.events import Event, Finish, Reasoning, Refusal, Start, Text, ToolCall, Usage, Wire
from app.wire.openai_reading import OpenAIReading, usage_object

_encode = msgspec.json.Encoder().encode


class OpenAIChat(OpenAIReading):
    """The codec of ``/v1/chat/completions``."""

    wire = Wire.OPENAI_CHAT

    def writer(self, *, include_usage: bool) -> OpenAIChatWriter:
        return OpenAIChatWriter(include_usage=include_usage)

    def render_whole(self, events: Iterable[Event]) -> bytes:
        """One ``chat.completion`` object."""
        start = Start("", "", 0)
        usage: Usage | None = None
        choices: dict[int, _Whole] = {}
        for event in events:
            match event:
                case Start():
                    start = event
                case Usage():
                    usage = event
                case _:
                    choices.setdefault(event.index, _Whole()).add(event)
        body: dict[str, Any] = {
            "id": start.id,
            "object": "chat.completion",
            "created": start.created,
            "model": start.model,
            "choices": [choices[index].object(index) for index in sorted(choices)],
        }
        if usage is not None:
            body["usage"] = usage_object(usage)
        return _encode(body)


class _Whole:
    """One choice of a whole answer, put together from its events."""

    def __init__(self) -> None:
        self.text = ""
        self.reasoning = ""
        self.refusal = ""
        self.tools: dict[int, dict[str, Any]] = {}
        self.finish = "stop"

    def add(self, event: Event) -> None:
        match event:
            case Text():
                self.text += event.text
            case Reasoning():
                self.reasoning += event.text
            case Refusal():
                self.refusal += event.text
            case Finish():
                self.finish = event.reason
            case ToolCall():
                tool = self.tools.setdefault(
                    event.slot, {"id": "", "type": "function", "function": {"name": "", "arguments": ""}}
                )
                tool["id"] = tool["id"] or event.id
                tool["function"]["name"] = tool["function"]["name"] or event.name
                tool["function"]["arguments"] += event.arguments

    def object(self, index: int) -> dict[str, Any]:
        message: dict[str, Any] = {"role": "assistant", "content": self.text or None, "refusal": self.refusal or None}
        if not self.tools and not self.refusal:
            message["content"] = self.text
        if self.reasoning:
            message["reasoning_content"] = self.reasoning
        if self.tools:
            message["tool_calls"] = [self.tools[slot] for slot in sorted(self.tools)]
        return {"index": index, "message": message, "finish_reason": self.finish, "logprobs": None}


class OpenAIChatWriter:
    """Writes one answer's events as ``chat.completion.chunk`` events; keeps the answer's id, model and time for each chunk."""

    def __init__(self, *, include_usage: bool) -> None:
        self._include_usage = include_usage
        self._start = Start("", "", 0)

    def render(self, events: Iterable[Event]) -> bytes:
        return b"".join(self._chunk(event) for event in events)

    def end(self) -> bytes:
        return sse.DONE

    def _chunk(self, event: Event) -> bytes:
        if isinstance(event, Usage):
            return self._event({"choices": [], "usage": usage_object(event)}) if self._include_usage else b""
        index = 0
        delta: dict[str, Any] = {}
        finish: str | None = None
        match event:
            case Start():
                self._start = event
                delta = {"role": "assistant", "content": ""}
            case Text(text, index):
                delta = {"content": text}
            case Reasoning(text, index):
                delta = {"reasoning_content": text}
            case Refusal(text, index):
                delta = {"refusal": text}
            case ToolCall():
                index, delta = event.index, {"tool_calls": [_tool_delta(event)]}
            case Finish():
                index, finish = event.index, event.reason
        choice = {"index": index, "delta": delta, "logprobs": None, "finish_reason": finish}
        return self._event({"choices": [choice]})

    def _event(self, part: dict[str, Any]) -> bytes:
        head = {
            "id": self._start.id,
            "object": "chat.completion.chunk",
            "created": self._start.created,
            "model": self._start.model,
        }
        return sse.event(_encode(head | part))


def _tool_delta(event: ToolCall) -> dict[str, Any]:
    function: dict[str, Any] = {"arguments": event.arguments}
    if not event.id:
        return {"index": event.slot, "function": function}
    return {"index": event.slot, "id": event.id, "type": "function", "function": {"name": event.name} | function}
