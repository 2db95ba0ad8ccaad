"""What is wrong with an answer that came to its end: it refuses, has nothing in it, or is not of the form that was asked for."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

import msgspec

from app.logic import schema
from app.logic.answer import Call, Endpoint
from app.wire.events import End, Event, Reasoning, Refusal, Text, ToolCall

MAX_JSON_CHARS = 64 * 2**10  # a longer answer is not judged by its schema

_SOMETHING = re.compile(rb'"(?:content|text|name)": ?"(?!")')
_REFUSAL = re.compile(rb'"refusal": ?"(?!")')


class Defect(StrEnum):
    REFUSED = "refused"
    EMPTY = "empty"
    BROKEN_SCHEMA = "broken_schema"


def is_suspect(call: Call, end: End, raw: bytes) -> bool:
    """Whether the answer must be read to judge it; ``raw`` is a stream's first content, or all of an answer. Takes half a microsecond."""
    if call.endpoint is Endpoint.EMBEDDINGS:
        return False
    if end.reason == "content_filter" or is_structured(call.body) or not (call.stream or _SOMETHING.search(raw)):
        return True
    return b'"refusal"' in raw and _REFUSAL.search(raw) is not None


def is_structured(body: Mapping[str, Any]) -> bool:
    """Whether JSON was asked for: as the answer, or as the arguments of a tool that must be called."""
    form = body.get("response_format")
    return (form is not None and form.get("type", "text") != "text") or _forces_tool(body)


def defect(call: Call, end: End, events: Sequence[Event]) -> Defect | None:
    """The gravest defect of a complete answer, read into its events. One that the caller's own limit cut short is not judged by its form."""
    if end.reason == "content_filter" or any(isinstance(event, Refusal) for event in events):
        return Defect.REFUSED
    if end.reason == "length" and (call.body.get("max_completion_tokens") or call.body.get("max_tokens")):
        return None
    if not any(isinstance(event, (Text, Reasoning, ToolCall)) for event in events):
        return Defect.EMPTY
    return None if _is_of_form(call.body, events) else Defect.BROKEN_SCHEMA


def _is_of_form(body: Mapping[str, Any], events: Sequence[Event]) -> bool:
    tools = _tool_calls(events)
    if _forces_tool(body):
        schemas = {tool["function"]["name"]: tool["function"].get("parameters") for tool in body.get("tools") or ()}
        return bool(tools) and all(_is_json(text, schemas.get(name)) for name, text in tools)
    form = body.get("response_format") or {}
    if tools or form.get("type", "text") == "text":
        return True
    wanted = (form.get("json_schema") or {}).get("schema") if form["type"] == "json_schema" else {"type": "object"}
    texts = _texts(events)
    return bool(texts) and all(_is_json(text, wanted) for text in texts)


def _forces_tool(body: Mapping[str, Any]) -> bool:
    choice = body.get("tool_choice")
    return choice == "required" or (isinstance(choice, dict) and choice.get("type") == "function")


def _is_json(text: str, wanted: Any) -> bool:
    try:
        value = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return False
    return wanted is None or len(text) > MAX_JSON_CHARS or schema.matches(wanted, value)


def _texts(events: Sequence[Event]) -> list[str]:
    """The text of each choice."""
    texts: dict[int, str] = defaultdict(str)
    for event in events:
        if isinstance(event, Text):
            texts[event.index] += event.text
    return list(texts.values())


def _tool_calls(events: Sequence[Event]) -> list[tuple[str, str]]:
    """Name and arguments of each call."""
    calls: dict[tuple[int, int], tuple[str, str]] = {}
    for event in events:
        if isinstance(event, ToolCall):
            name, arguments = calls.get((event.index, event.slot), ("", ""))
            calls[event.index, event.slot] = (name or event.name, arguments + event.arguments)
    return list(calls.values())
