"""OpenAI's older completions (``/v1/completions``): chunks and answers with ``text`` in place of a message. Read as chat is."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from app.wire import sse
from app.wire.events import Event, Finish, Start, Text, Usage, Wire
from app.wire.openai_reading import OpenAIReading, usage_object

_encode = msgspec.json.Encoder().encode


class OpenAICompletions(OpenAIReading):
    """The codec of ``/v1/completions``. Tool calls, refusals and reasoning have no place in it and are left out."""

    wire = Wire.OPENAI_COMPLETIONS

    def writer(self, *, include_usage: bool) -> OpenAICompletionsWriter:
        return OpenAICompletionsWriter(include_usage=include_usage)

    def render_whole(self, events: Iterable[Event]) -> bytes:
        """One ``text_completion`` object."""
        start, usage = Start("", "", 0), None
        choices: dict[int, dict[str, Any]] = {}
        for event in events:
            match event:
                case Start():
                    start = event
                case Usage():
                    usage = event
                case Text(text, index):
                    choices.setdefault(index, _choice(index))["text"] += text
                case Finish(reason, index):
                    choices.setdefault(index, _choice(index))["finish_reason"] = reason
        body = _head(start) | {"choices": [choices[index] for index in sorted(choices)]}
        return _encode(body | ({"usage": usage_object(usage)} if usage else {}))


class OpenAICompletionsWriter:
    """Writes one answer's events as streamed ``text_completion`` objects."""

    def __init__(self, *, include_usage: bool) -> None:
        self._include_usage = include_usage
        self._start = Start("", "", 0)

    def render(self, events: Iterable[Event]) -> bytes:
        return b"".join(self._chunk(event) for event in events)

    def end(self) -> bytes:
        return sse.DONE

    def _chunk(self, event: Event) -> bytes:
        match event:
            case Start():
                self._start = event
                return b""
            case Text(text, index):
                part: dict[str, Any] = {"choices": [_choice(index, text)]}
            case Finish(reason, index):
                part = {"choices": [_choice(index, finish=reason)]}
            case Usage() if self._include_usage:
                part = {"choices": [], "usage": usage_object(event)}
            case _:
                return b""
        return sse.event(_encode(_head(self._start) | part))


def _head(start: Start) -> dict[str, Any]:
    return {"id": start.id, "object": "text_completion", "created": start.created, "model": start.model}


def _choice(index: int, text: str = "", finish: str | None = None) -> dict[str, Any]:
    return {"index": index, "text": text, "logprobs": None, "finish_reason": finish}
