"""What is wrong with an answer that came to its end."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from app.logic.answer import Call, Endpoint
from app.logic.defects import Defect, defect, is_suspect
from app.logic.schema import matches
from app.wire.events import End, Event, Finish, Reasoning, Refusal, Text, ToolCall

CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
SCHEMA = {"response_format": {"type": "json_schema", "json_schema": {"name": "city", "schema": CITY}}}
OBJECT = {"response_format": {"type": "json_object"}}
TOOLS = {"tools": [{"type": "function", "function": {"name": "weather", "parameters": CITY}}]}
FORCED = TOOLS | {"tool_choice": {"type": "function", "function": {"name": "weather"}}}


def call(**body: Any) -> Call:
    return Call(endpoint=Endpoint.CHAT, model="m", body=body)


LIMITED = {"max_tokens": 3}


def tool(arguments: str) -> ToolCall:
    return ToolCall(0, arguments, id="1", name="weather")


@pytest.mark.parametrize(
    ("body", "events", "expected"),
    [
        ({}, [Text("hi"), Finish("stop")], None),
        ({}, [Finish("stop")], Defect.EMPTY),
        ({}, [Reasoning("hm"), Finish("stop")], None),
        ({}, [Refusal("no"), Finish("stop")], Defect.REFUSED),
        ({}, [Text("{"), Finish("stop")], None),
        (OBJECT, [Text('{"a": '), Text("1}")], None),
        (OBJECT, [Text("[1]")], Defect.BROKEN_SCHEMA),
        (OBJECT, [Text("Sure: {}")], Defect.BROKEN_SCHEMA),
        (SCHEMA, [Text('{"city": "Rome"}')], None),
        (SCHEMA, [Text('{"city": 3}')], Defect.BROKEN_SCHEMA),
        (SCHEMA, [Text('{"city": "Ro')], Defect.BROKEN_SCHEMA),
        (SCHEMA, [Text('{"city": "Rome"}'), Text('{"city": "Oslo"}', 1)], None),
        (SCHEMA, [Text('{"city": "Rome"}'), Text("{}", 1)], Defect.BROKEN_SCHEMA),
        (FORCED, [tool('{"city": '), ToolCall(0, '"Rome"}')], None),
        (FORCED, [tool("{}")], Defect.BROKEN_SCHEMA),
        (FORCED, [Text("It rains.")], Defect.BROKEN_SCHEMA),
        (TOOLS, [Text("It rains.")], None),
        (TOOLS | SCHEMA, [tool('{"city": "Rome"}')], None),
    ],
)
def test_an_answer_is_judged_by_what_was_asked(
    body: dict[str, Any], events: list[Event], expected: Defect | None
) -> None:
    """Refused, empty, not of its form, or nothing of it."""
    assert defect(call(**body), End("stop"), events) is expected


@pytest.mark.parametrize(
    ("body", "events", "expected"),
    [
        (SCHEMA | LIMITED, [Text('{"city": "Ro')], None),
        (FORCED | {"max_completion_tokens": 3}, [tool('{"ci')], None),
        (LIMITED, [], None),
        (LIMITED, [Refusal("no")], Defect.REFUSED),
        (SCHEMA, [Text('{"city": "Ro')], Defect.BROKEN_SCHEMA),
        ({}, [], Defect.EMPTY),
    ],
    ids=["schema", "tool", "thought only", "refused", "schema, no limit", "thought only, no limit"],
)
def test_an_answer_that_its_callers_limit_cut_short_is_whole(
    body: dict[str, Any], events: list[Event], expected: Defect | None
) -> None:
    """The form could not be finished in so few tokens, which is the caller's mistake. A limit that nobody set is the version's."""
    assert defect(call(**body), End("length"), events) is expected


def test_what_a_filter_stopped_is_refused() -> None:
    """Whatever came before it."""
    assert defect(call(), End("content_filter"), [Text("I")]) is Defect.REFUSED


@pytest.mark.parametrize(
    ("message", "suspect"),
    [
        ({"content": "hi"}, False),
        ({"content": "hi", "refusal": None}, False),
        ({"content": 'about "refusal": "x"'}, False),
        ({"content": ""}, True),
        ({"content": None}, True),
        ({"content": None, "refusal": "no"}, True),
        ({"content": None, "tool_calls": [{"function": {"name": "f", "arguments": ""}}]}, False),
    ],
)
@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": ")])
def test_only_what_looks_odd_is_read(message: dict[str, Any], suspect: bool, separators: tuple[str, str]) -> None:
    """A common answer costs a glance at its bytes."""
    raw = json.dumps({"choices": [{"message": message}]}, separators=separators).encode()

    assert is_suspect(call(), End("stop"), raw) is suspect


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "http://127.0.0.1:9/schema"},
        {"$ref": "file:///etc/passwd"},
        {"type": "strin"},
        3,
        {"enum": ["x" * 40_000]},
        {"type": "string", "pattern": "(?=x)"},
    ],
)
def test_a_schema_that_cannot_be_judged_by_is_broken_by_nothing(schema: Any) -> None:
    """It is the caller's, not the answer's fault; and nothing is fetched."""
    assert matches(schema, {"a": 1})


def test_a_schema_cannot_hold_the_app_up() -> None:
    """Neither with a pattern that backtracks nor with branches that multiply; both would take hours."""
    levels = {f"l{n}": {"anyOf": [{"$ref": f"#/$defs/l{n + 1}"}] * 2} for n in range(60)}
    branching = {"$defs": {**levels, "l60": {"type": "string"}}, "$ref": "#/$defs/l0"}
    begun = time.process_time()

    assert matches(branching, 3)
    assert not matches({"pattern": "^(a+)+$"}, "a" * 5000 + "b")

    assert time.process_time() - begun < 30
