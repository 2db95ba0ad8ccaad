"""Forced function calls of a model without tools, without the model: what it is asked, and how its text becomes a call."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from app.inference import calls_as_text, forced_calls
from app.inference.forced_answer import ForcedAnswer, ForcedCalls
from app.logic.answer import Answer, Batch, Blame, Failure, Kind
from app.wire.events import End, Event, Finish, Start, Text, ToolCall, Usage, Wire
from app.wire.joining import joined
from tests.inference.contract import call

CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}


def tool(name: str, **rest: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, **rest}}


def by_name(name: str) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name}}


TOOLS = [tool("thermometer", description="How warm it is.", parameters=CITY), tool("clock")]


def asked(**fields: Any) -> forced_calls.Asked:
    return forced_calls.asked(call(**fields), "local")


def branches(given: forced_calls.Asked) -> list[dict[str, Any]]:
    schema: dict[str, Any] = given.call.body["response_format"]["json_schema"]["schema"]
    return [branch["properties"] for branch in schema["anyOf"]]


@pytest.mark.parametrize(
    ("choice", "names"), [("required", ("thermometer", "clock")), (by_name("clock"), ("clock",)), ("none", ())]
)
def test_who_may_be_called(choice: Any, names: tuple[str, ...]) -> None:
    """The tools themselves are never sent on: llama.cpp would do nothing with them."""
    given = asked(tools=TOOLS, tool_choice=choice, parallel_tool_calls=True)
    assert given.names == names
    assert not given.call.body.keys() & {"tools", "tool_choice", "parallel_tool_calls"}
    assert ("response_format" in given.call.body) == bool(names)


def test_a_schema_of_each_function() -> None:
    """The name first, then the arguments; a function without parameters takes none."""
    first, second = branches(asked(tools=TOOLS, tool_choice="required"))
    assert list(first.items()) == [("name", {"const": "thermometer"}), ("arguments", CITY)]
    assert second["arguments"] == {"type": "object", "properties": {}, "additionalProperties": False}


def test_the_model_is_told_of_the_functions() -> None:
    """In front of the caller's own words, which all stay; and only of what it may call."""
    mine = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "How warm is it?"}]
    first, *rest = asked(messages=mine, tools=TOOLS, tool_choice=by_name("thermometer")).call.body["messages"]
    assert rest == mine
    assert (first["role"], "How warm it is." in first["content"], "clock" in first["content"]) == (
        "system",
        True,
        False,
    )


def test_what_a_schema_refers_to_in_itself() -> None:
    """Still found where the schema now stands; a property of that name is none, and another document is left to the model server."""
    parameters: dict[str, Any] = {
        "properties": {
            "a": {"$ref": "#/$defs/x"},
            "b": {"anyOf": [{"$ref": "#"}, {"$ref": "https://elsewhere/"}]},
            "$ref": {"type": "string"},
        },
        "$defs": {"x": {"type": "integer"}},
    }
    tools = [tool("clock"), tool("f", parameters=parameters)]
    moved = branches(asked(tools=tools, tool_choice="required"))[1]["arguments"]
    assert moved["properties"] == {
        "a": {"$ref": "#/anyOf/1/properties/arguments/$defs/x"},
        "b": {"anyOf": [{"$ref": "#/anyOf/1/properties/arguments"}, {"$ref": "https://elsewhere/"}]},
        "$ref": {"type": "string"},
    }
    assert moved["type"] == "object"
    assert parameters["properties"]["a"] == {"$ref": "#/$defs/x"}


@pytest.mark.parametrize(
    ("fields", "param", "blame", "why"),
    [
        ({"tools": TOOLS}, "tools", Blame.BACKEND, "only where it must"),
        ({"tools": TOOLS, "tool_choice": "auto"}, "tools", Blame.BACKEND, "only where it must"),
        ({"tools": TOOLS, "tool_choice": "any"}, "tool_choice", Blame.BACKEND, "'required'"),
        ({"tools": TOOLS, "tool_choice": {"type": "function"}}, "tool_choice", Blame.BACKEND, "'required'"),
        ({"tools": TOOLS, "tool_choice": by_name("x")}, "tool_choice", Blame.CALLER, "'x'"),
        ({"tool_choice": "required"}, "tool_choice", Blame.CALLER, "no tools"),
        ({"tools": [{"type": "web_search"}], "tool_choice": "required"}, "tools", Blame.BACKEND, "web_search"),
        (
            {"tools": [tool("f", parameters={"type": "string"})], "tool_choice": "required"},
            "tools",
            Blame.BACKEND,
            "'f' must be of type 'object'",
        ),
    ],
)
def test_what_is_refused(fields: dict[str, Any], param: str, blame: Blame, why: str) -> None:
    """In one sentence that names the field; another backend may do what this one lacks, but none what the request contradicts."""
    with pytest.raises(Failure) as raised:
        asked(**fields)
    failure = raised.value
    assert (failure.kind, failure.param, failure.blame, why in failure.message) == (
        Kind.BAD_REQUEST,
        param,
        blame,
        True,
    )


@pytest.mark.parametrize("fields", [{}, {"tool_choice": "auto"}, {"tools": [], "tool_choice": "none"}])
def test_without_tools_nothing_is_forced(fields: dict[str, Any]) -> None:
    """What clients send as usual harms nothing."""
    given = asked(**fields)
    assert (given.names, "response_format" in given.call.body) == ((), False)


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (
            "failed: JSON schema error at #/anyOf/1/properties/arguments/properties/a: unrecognized type banana",
            "in those of 'clock', at #/properties/a: unrecognized type banana",
        ),
        (
            "failed: JSON schema conversion failed:\nInvalid pattern ^(JSON schema error at #/anyOf/9/properties/arguments: x",
            "JSON schema conversion failed: Invalid pattern ^(JSON",
        ),
    ],
)
def test_parameters_that_make_no_grammar(said: str, why: str) -> None:
    """The caller hears of tools and of the function, and nothing of a template; what a pattern quotes points nowhere."""
    theirs = Failure(Kind.BAD_REQUEST, f"Unable to generate parser. Automatic parser generation {said}", param=None)
    failure = forced_calls.refusal(theirs, ["thermometer", "clock"], "local")
    assert (failure.param, failure.blame, why in failure.message) == ("tools", Blame.BACKEND, True)
    assert "parser" not in failure.message


def test_another_failure_stays_what_it_is() -> None:
    """A prompt that is too long has nothing to do with tools."""
    failure = Failure(Kind.CONTEXT_TOO_LONG, "too long")
    assert forced_calls.refusal(failure, ["clock"], "local") is failure


def test_a_conversation_with_calls_is_told_in_words() -> None:
    """Calls and results, with the words beside them; arguments as text or as an object, ids known or not."""
    function = {"name": "thermometer", "arguments": '{"city": "Oslo"}'}
    messages: list[dict[str, Any]] = [
        {"role": "user", "content": "How warm is it?"},
        {"role": "assistant", "content": "I look.", "tool_calls": [{"id": "1", "function": function}, {"id": "2"}]},
        {"role": "tool", "tool_call_id": "1", "content": [{"type": "text", "text": "21"}]},
        {"role": "tool", "tool_call_id": "9", "content": None},
        {"role": "assistant", "content": None, "tool_calls": [{"function": {"name": "clock", "arguments": {"a": 1}}}]},
    ]
    told = calls_as_text.told(messages)
    assert told[0] is messages[0]
    assert [(each["role"], [part["text"] for part in each["content"]]) for each in told[1:]] == [
        ("assistant", ["I look.", 'Call of thermometer: {"city": "Oslo"}', "Call of a function: {}"]),
        ("user", ["Result of thermometer:", "21"]),
        ("user", ["Result of a function:"]),
        ("assistant", ['Call of clock: {"a":1}']),
    ]
    assert not any("tool_calls" in each for each in told)


ARGUMENTS = '{"a}": "\\"{[", "b": [{"c": "\\\\"}, {}]}'
CALL = '```json\n{\n "name": "we\\"ird \\u00e9", "arguments"\n\n:\n\n' + ARGUMENTS + "\n }\n```"


def read(texts: Sequence[str], reason: str = "stop", names: Sequence[str] = ("a", "b")) -> list[Event]:
    return list(ForcedCalls(names).read([Start("1", "m", 1), *map(Text, texts), Finish(reason), Usage(output=1)]))


def heard(events: Sequence[Event]) -> tuple[str, str, str]:
    """Name, arguments and finish reason."""
    calls = [event for event in events if isinstance(event, ToolCall)]
    (reason,) = [event.reason for event in events if isinstance(event, Finish)]
    return "".join(each.name for each in calls), "".join(each.arguments for each in calls), reason


@pytest.mark.parametrize("size", [1, 2, 3, 7, len(CALL)])
def test_text_becomes_a_call_wherever_it_is_cut(size: int) -> None:
    """The name first, with an id and no arguments; then they as they come, without what ends the call behind them."""
    events = read([CALL[at : at + size] for at in range(0, len(CALL), size)])
    assert heard(events) == ('we"ird é', ARGUMENTS, "tool_calls")
    first = events[1]
    assert isinstance(first, ToolCall)
    assert (first.id.startswith("call_"), first.name, first.arguments) == (True, 'we"ird é', "")
    assert not any(event.id or event.name for event in events[2:] if isinstance(event, ToolCall))
    assert (events[0], events[-1]) == (Start("1", "m", 1), Usage(output=1))


def test_arguments_are_passed_on_at_once() -> None:
    """Nothing of them waits for what follows."""
    calls = ForcedCalls(["f"])
    texts = ('{"name": "f", "arguments": ', '{"a"', ': "}', '"}', "}")
    parts = [[event.arguments for event in calls.read([Text(text)]) if isinstance(event, ToolCall)] for text in texts]
    assert parts == [[""], ['{"a"'], [': "}'], ['"}'], []]


def test_the_only_function_is_known_before_it_is_written() -> None:
    """Its name goes out with the first sign of the model, and where a limit left no room for one."""
    (first,) = ForcedCalls(["f"]).read([Text("{")])
    assert isinstance(first, ToolCall)
    assert first.name == "f"
    assert heard(read([], "length", ["f"])) == ("f", "", "length")


@pytest.mark.parametrize("reason", ["length", "stop"])
@pytest.mark.parametrize(
    ("text", "name", "arguments"),
    [
        ('{"name": "a", "arguments": {"city": "Os', "a", '{"city": "Os'),
        ('{"name": "a", "argum', "", ""),
        ('{"name": "a", "arguments": {}', "a", "{}"),
    ],
)
def test_a_call_that_is_cut(text: str, name: str, arguments: str, reason: str) -> None:
    """The arguments are what there is, and the reason is the model's own; unless they are whole."""
    assert heard(read([text], reason)) == (name, arguments, "tool_calls" if arguments == "{}" else reason)


def test_choices_are_told_apart() -> None:
    """One call each, with an id of its own."""
    text = '{"name": "f", "arguments": {}}'
    events = ForcedCalls(["f"]).read([Text(text, 1), Text(text), Finish("stop", 1), Finish("stop")])
    ids = {event.index: event.id for event in events if isinstance(event, ToolCall) and event.id}
    assert (sorted(ids), len(set(ids.values()))) == ([0, 1], 2)


class Scripted:
    """An answer of these batches."""

    ignored = frozenset({"seed"})
    wire = Wire.OPENAI_CHAT
    usage = Usage(output=7)

    def __init__(self, *batches: Batch) -> None:
        self._batches = batches
        self.done: list[str] = []

    async def __aiter__(self) -> AsyncIterator[Batch]:
        for batch in self._batches:
            yield batch

    def abort(self) -> None:
        self.done.append("abort")

    async def aclose(self) -> None:
        self.done.append("close")


def chunk(text: str = "", finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": finish}
    return b"data: %s\n\n" % json.dumps({"id": "1", "choices": [choice]}).encode()


async def test_a_batch_is_a_batch_and_what_is_asked_of_the_answer_goes_through() -> None:
    """Where the name is not whole yet a batch says that the model is at work, and no more; the end has the call's reason.

    Joined, as the app does where a whole answer is watched, the batches are OpenAI's whole answer.
    """
    scripted = Scripted(
        Batch(chunk("{"), Wire.OPENAI_CHAT, progress=True),
        Batch(chunk('"name": "a", '), Wire.OPENAI_CHAT, progress=True),
        Batch(chunk('"arguments": {}}', "stop"), Wire.OPENAI_CHAT, True, End("stop", Usage(output=9))),
    )
    answer: Answer = ForcedAnswer(scripted, call(), ["a", "b"])
    first, middle, last = [batch async for batch in answer]
    assert (middle.raw, middle.progress, middle.end) == (b"", True, None)
    assert (b'"name":"a"' in last.raw, last.end) == (True, End("tool_calls", Usage(output=9)))
    (choice,) = json.loads(joined([first.raw, last.raw]))["choices"]
    assert (choice["message"]["content"], choice["finish_reason"]) == (None, "tool_calls")
    assert [each["function"] for each in choice["message"]["tool_calls"]] == [{"name": "a", "arguments": "{}"}]
    answer.abort()
    await answer.aclose()
    assert (answer.ignored, answer.usage, scripted.done) == (Scripted.ignored, Scripted.usage, ["abort", "close"])
