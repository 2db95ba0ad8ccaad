"""The messages of `/v1/chat/socket`, as `docs/streaming.md` describes them: what the server sends, and a model's answer cut into such messages."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from app.api.dialects.openai import error_object
from app.api.errors import Fault
from app.logic.price import usd
from app.logic.record import Record
from app.wire.events import Event, Reasoning, Refusal, Text, ToolCall
from app.wire.openai_reading import usage_object

_encode = msgspec.json.Encoder().encode


class _Message(msgspec.Struct, kw_only=True, omit_defaults=True, tag_field="type"):
    def text(self) -> str:
        return _encode(self).decode()


class Ready(_Message, tag="ready"):
    """The key was accepted, or none is needed."""


class Pong(_Message, tag="pong"):
    pass


class Start(_Message, tag="start"):
    """The first content has come. ``model`` is the public name; ``ignored``: the fields that the backend did not get."""

    id: str
    request_id: str
    model: str
    backend: str
    attempts: int
    ignored: list[str] = []


class Delta(_Message, tag="delta"):
    """More of the answer; one of the texts or a part of a tool call. ``index`` counts the choices where several were asked for."""

    id: str
    index: int = 0
    content: str = ""
    reasoning: str = ""
    refusal: str = ""
    tool_call: dict[str, Any] = {}


class End(_Message, tag="end"):
    """The answer is complete, or was cancelled (``finish_reason``: cancelled)."""

    id: str
    finish_reason: str
    backend: str = ""
    attempts: int = 0
    usage: dict[str, Any] = {}
    cost_usd: str = ""


class Error(_Message, tag="error"):
    """No more comes for ``id``; without an id it is about the connection or a message that could not be read."""

    error: dict[str, Any]
    id: str = ""


def error(fault: Fault, id: str = "") -> Error:
    return Error(id=id, error=error_object(fault))


def end(record: Record, id: str, finish_reason: str) -> End:
    usage, cost = record.usage, record.picodollars
    return End(
        id=id,
        finish_reason=finish_reason,
        backend=record.attempts[-1].backend if record.attempts else "",
        attempts=len(record.attempts),
        usage=usage_object(usage) if usage else {},
        cost_usd="" if cost is None else usd(cost),
    )


def deltas(events: Iterable[Event], id: str) -> list[Delta]:
    """What arrived together, in as few messages as it can be: texts of one kind that follow each other are joined."""
    made: list[Delta] = []
    last: type[Event] | None = None
    for event in events:
        match event:
            case Text() | Reasoning() | Refusal():
                field = {Text: "content", Reasoning: "reasoning", Refusal: "refusal"}[type(event)]
                if last is not type(event) or made[-1].index != event.index:
                    made.append(Delta(id=id, index=event.index))
                setattr(made[-1], field, getattr(made[-1], field) + event.text)
            case ToolCall():
                made.append(Delta(id=id, index=event.index, tool_call=_tool_call(event)))
            case _:
                continue
        last = type(event)
    return made


def _tool_call(event: ToolCall) -> dict[str, Any]:
    call: dict[str, Any] = {"index": event.slot, "arguments": event.arguments}
    return call | {"id": event.id, "name": event.name} if event.id else call
