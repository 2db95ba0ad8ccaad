"""Tool calls are told apart however a server numbers their pieces, in a whole answer that was put together and in the events that sockets and rescues see."""

from __future__ import annotations

import json
from typing import Any

import pytest

from app.wire.events import ToolCall
from app.wire.joining import joined
from app.wire.openai_chat import OpenAIChat

CALLS = [("a", "look", '{"x":1}'), ("b", "look", '{"x":2}')]


def piece(call_id: str | None = None, name: str | None = None, arguments: str = "", **more: Any) -> dict[str, Any]:
    return {"id": call_id, "function": {"name": name, "arguments": arguments}, **more}


# Each list is a chunk. Two calls of one function, unless the name says otherwise.
STREAMS = {
    "as OpenAI writes them": [
        [piece("a", "look", index=0)],
        [piece(None, None, '{"x":1}', index=0)],
        [piece("b", "look", index=1)],
        [piece(None, None, '{"x":2}', index=1)],
    ],
    "all of one index": [[piece("a", "look", '{"x":1}', index=0)], [piece("b", "look", '{"x":2}', index=0)]],
    "all of one index, in pieces": [
        [piece("a", "look", '{"x"', index=0)],
        [piece(None, None, ":1}", index=0)],
        [piece("b", "look", '{"x"', index=0)],
        [piece(None, None, ":2}", index=0)],
    ],
    "of one index, by turns": [
        [piece("a", "look", '{"x"', index=0), piece("b", "look", '{"x"', index=0)],
        [piece("a", None, ":1}", index=0), piece("b", None, ":2}", index=0)],
    ],
    "no index": [
        [piece("a", "look", '{"x"')],
        [piece(None, None, ":1}")],
        [piece("b", "look", '{"x"')],
        [piece(None, None, ":2}")],
    ],
    "null first": [[piece("a", "look", '{"x":1}', index=None), piece("b", "look", '{"x":2}', index=1)]],
    "one not numbered from 0": [
        [piece("a", "look", '{"x"', index=7)],
        [piece(None, None, ":1}")],
        [piece("b", "look", '{"x":2}', index=8)],
    ],
    "the name in each piece": [
        [piece("a", "look", '{"x"', index=0)],
        [piece("a", "look", ":1}", index=0)],
        [piece("b", "look", '{"x":2}', index=1)],
    ],
    "a new id in each piece": [
        [piece("a", "look", "", index=0)],
        [piece("other", "", '{"x"', index=0)],
        [piece("third", "", ":1}", index=0)],
        [piece("b", "look", '{"x":2}', index=1)],
    ],
    "the id late": [
        [piece("", "look", '{"x"', index=0)],
        [piece("a", None, ":1}", index=0), piece("b", "look", '{"x":2}', index=1)],
    ],
    "two pieces in a chunk": [
        [piece("a", "look", '{"x"', index=0), piece(None, None, ":1}", index=0)],
        [piece("b", "look", '{"x":2}', index=1)],
    ],
}  # fmt: skip


def chunks(name: str) -> list[bytes]:
    return [
        b"data: "
        + json.dumps({"id": "c", "choices": [{"index": 0, "delta": {"tool_calls": calls}}]}).encode()
        + b"\n\n"
        for calls in STREAMS[name]
    ]


@pytest.mark.parametrize("name", STREAMS)
def test_a_whole_answer_has_each_call_once(name: str) -> None:
    """With its own arguments."""
    calls = json.loads(joined(chunks(name)))["choices"][0]["message"]["tool_calls"]
    assert [(call["id"], call["function"]["name"], call["function"]["arguments"]) for call in calls] == CALLS


@pytest.mark.parametrize("name", STREAMS)
def test_events_have_each_call_in_a_slot_of_its_own(name: str) -> None:
    """Numbered from 0, in the order in which they began."""
    reader, arguments = OpenAIChat().reader(), ["", ""]
    for raw in chunks(name):
        for event in reader.read(raw):
            if isinstance(event, ToolCall):
                arguments[event.slot] += event.arguments
    assert arguments == [given for _, _, given in CALLS]


def test_the_calls_of_a_whole_answer_are_those_that_it_lists() -> None:
    """Whatever index a server gives them there."""
    calls = [piece("a", "look", "{}", index=0), piece("b", "look", "{}", index=0)]
    raw = json.dumps({"id": "c", "choices": [{"index": 0, "message": {"tool_calls": calls}}]}).encode()
    slots = [event.slot for event in OpenAIChat().parse_whole(raw) if isinstance(event, ToolCall)]
    assert slots == [0, 1]
