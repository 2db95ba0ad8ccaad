"""The contract again, as far as a real model can be asked for it: the embedded engine, no fake."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import jsonschema
import pytest

from app.engines.embedded import EmbeddedEngine
from app.inference import http
from app.inference.embedded import Embedded
from app.inference.variants import EMBEDDED
from app.logic.answer import Call, Endpoint, Failure, Kind
from tests.clock import PATIENCE_S
from tests.inference.contract import call, heard, opened

both = pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])


@pytest.fixture
async def subject(engine: EmbeddedEngine) -> AsyncIterator[Embedded]:
    async with http.session() as session:
        yield Embedded(name="local", model=engine.model, engine=engine, http=session, variant=EMBEDDED)


@both
async def test_it_answers(subject: Embedded, stream: bool) -> None:
    """Text, an end and an exact count, under the newer name of the limit and the newer role."""
    messages = [{"role": "developer", "content": "Be brief."}, {"role": "user", "content": "Say hello."}]
    answer = await heard(
        await opened(subject, call(stream=stream, messages=messages, max_completion_tokens=6, temperature=0)),
        stream=stream,
    )
    assert answer.text
    assert answer.end is not None
    assert answer.end.usage is not None
    assert (answer.end.reason, answer.end.usage.completion) == ("length", 6)


async def test_both_ways_say_the_same(subject: Embedded) -> None:
    """Streamed and whole, at temperature 0 and the same seed."""
    fields: dict[str, Any] = {"text": "Count to ten.", "max_tokens": 12, "temperature": 0, "seed": 1}
    whole = await heard(await opened(subject, call(stream=False, **fields)), stream=False)
    streamed = await heard(await opened(subject, call(**fields)))
    assert streamed.text == whole.text


async def test_a_schema_holds(subject: Embedded) -> None:
    """The model's 135 million parameters do not matter: the server's grammar does."""
    schema = {"type": "object", "properties": {"n": {"type": "integer", "enum": [1, 2]}}, "required": ["n"]}
    form = {"type": "json_schema", "json_schema": {"name": "n", "schema": schema, "strict": True}}
    answer = await heard(await opened(subject, call(text="Pick a number.", response_format=form, max_tokens=40)))
    assert json.loads(answer.text)["n"] in (1, 2)


async def test_it_stops_at_a_stop_word(subject: Embedded) -> None:
    """The word itself is not part of the answer."""
    fields: dict[str, Any] = {"text": "Count: 1, 2, 3,", "max_tokens": 30, "temperature": 0}
    free = await heard(await opened(subject, call(**fields)))
    word = free.text.split()[1]
    answer = await heard(await opened(subject, call(stop=word, **fields)))
    assert (answer.finish, word in answer.text) == ("stop", False)
    assert free.text.startswith(answer.text)


def function(name: str, parameters: Any = None) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, "description": "Measures.", "parameters": parameters}}


CITY = {"type": "object", "properties": {"city": {"type": "string", "enum": ["Oslo", "Lima"]}}, "required": ["city"]}
OF_PARTS = {
    "type": "object",
    "properties": {"n": {"$ref": "#/$defs/n"}},
    "required": ["n"],
    "$defs": {"n": {"const": 4}},
}
THERMOMETER = function("thermometer", CITY)


def deep(levels: int) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "object", "properties": {}}
    for _ in range(levels):
        schema = {"type": "object", "properties": {"a": schema}, "required": ["a"]}
    return schema


ODD = function('é"\\{}', OF_PARTS)


@pytest.mark.parametrize(
    ("stream", "tools", "choice"),
    [
        (True, [THERMOMETER, function("clock")], "required"),
        (False, [THERMOMETER, ODD], {"type": "function", "function": {"name": ODD["function"]["name"]}}),
    ],
    ids=["stream", "whole"],
)
async def test_a_forced_call(subject: Embedded, stream: bool, tools: list[Any], choice: Any) -> None:
    """The model's template has no tools: the grammar makes a call of whatever it writes, and the usage is its own."""
    asked = call(
        stream=stream, text="How warm is it in Oslo?", tools=tools, tool_choice=choice, max_tokens=120, temperature=0
    )
    answer = await heard(await opened(subject, asked), stream=stream)
    ((identifier, name, arguments),) = answer.tools
    parameters = {each["function"]["name"]: each["function"]["parameters"] for each in tools}
    assert (identifier.startswith("call_"), answer.text, answer.finish) == (True, "", "tool_calls")
    assert name in parameters if choice == "required" else name == choice["function"]["name"]
    jsonschema.validate(json.loads(arguments), parameters[name] or {"maxProperties": 0})
    assert answer.end is not None
    assert answer.end.usage is not None
    assert (answer.end.reason, answer.end.usage.completion > 5) == ("tool_calls", True)


@both
async def test_a_forced_call_that_the_limit_cuts(subject: Embedded, stream: bool) -> None:
    """As OpenAI does: what there is of the call, and the reason. A grammar takes parameters of any depth."""
    asked = call(stream=stream, tools=[function("f", deep(12))], tool_choice="required", max_tokens=3)
    answer = await heard(await opened(subject, asked), stream=stream)
    assert ([each[1] for each in answer.tools], answer.finish) == (["f"], "length")


async def test_a_call_that_is_not_forced(subject: Embedded) -> None:
    """Refused where it is free to call; text where no call may be made."""
    with pytest.raises(Failure) as raised:
        await opened(subject, call(tools=[THERMOMETER]))
    assert (raised.value.kind, raised.value.param) == (Kind.BAD_REQUEST, "tools")
    answer = await heard(await opened(subject, call(tools=[THERMOMETER], tool_choice="none", max_tokens=3)))
    assert (bool(answer.text), answer.tools) == (True, [])


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "banana"},
        {"$ref": "#/$defs/nowhere"},
        {"type": "string", "pattern": "^(a$"},
        {"type": "string", "minLength": 5000},
    ],
)
async def test_parameters_that_llama_cpp_has_no_grammar_for(subject: Embedded, schema: dict[str, Any]) -> None:
    """Told as what they are, whatever llama.cpp says of its templates and samplers."""
    tool = function("f", {"type": "object", "properties": {"a": schema}, "required": ["a"]})
    with pytest.raises(Failure) as raised:
        await opened(subject, call(tools=[THERMOMETER, tool], tool_choice="required"))
    assert (raised.value.kind, raised.value.param) == (Kind.BAD_REQUEST, "tools")
    assert "cannot be made a grammar" in raised.value.message


@pytest.mark.parametrize("fields", [{}, {"tools": [THERMOMETER], "tool_choice": "required"}], ids=["text", "call"])
async def test_a_conversation_with_calls_reaches_the_model(subject: Embedded, fields: dict[str, Any]) -> None:
    """What was called and what came of it are part of the prompt, which the template alone would lose; ids and types may lack."""
    before: list[dict[str, Any]] = [{"role": "user", "content": "How warm is it?"}]
    short = {"id": "1", "function": {"name": "thermometer", "arguments": "{}"}}
    long = {"id": "1", "function": {"name": "thermometer", "arguments": json.dumps({"city": "Oslo " * 10})}}
    read: list[int] = []
    for called in (short, long):
        calls = {"role": "assistant", "content": None, "tool_calls": [called]}
        result = {"role": "tool", "tool_call_id": "1", "content": "21 degrees"}
        asked = call(messages=[*before, calls, result], max_tokens=2, **fields)
        answer = await heard(await opened(subject, asked))
        assert answer.end is not None
        assert answer.end.usage is not None
        read.append(answer.end.usage.prompt)
    assert read[1] - read[0] >= 10


async def test_a_prompt_that_does_not_fit(subject: Embedded) -> None:
    """Another backend may have more room."""
    with pytest.raises(Failure) as raised:
        await opened(subject, call(text="word " * 9000))
    assert raised.value.kind is Kind.CONTEXT_TOO_LONG


@pytest.mark.parametrize("field", ["grammar", "id_slot", "chat_template", "lora", "n_predict"])
async def test_what_would_reach_into_the_server_is_refused(subject: Embedded, field: str) -> None:
    """llama.cpp would obey all of them."""
    fields: dict[str, Any] = {field: "x"}
    with pytest.raises(Failure) as raised:
        await opened(subject, call(**fields))
    assert (raised.value.kind, raised.value.param) == (Kind.BAD_REQUEST, field)


async def test_completions_and_embeddings(subject: Embedded) -> None:
    """The other two endpoints of the same server."""
    body: dict[str, Any] = {"prompt": "Once upon a", "max_tokens": 4, "temperature": 0}
    text = await heard(await opened(subject, Call(endpoint=Endpoint.COMPLETIONS, model="", body=body, stream=True)))
    assert (text.finish, bool(text.text)) == ("length", True)
    vectors = await opened(subject, Call(endpoint=Endpoint.EMBEDDINGS, model="", body={"input": ["a", "b"]}))
    (whole,) = [batch async for batch in vectors]
    assert len(json.loads(whole.raw)["data"]) == 2
    assert whole.end is not None
    assert whole.end.usage is not None


async def test_it_stops_generating_when_the_caller_leaves(subject: Embedded) -> None:
    """An answer without a limit is abandoned; a next one is served at once, by the same slots."""
    for _ in range(6):  # more than the server has slots
        answer = await opened(subject, call(text="Tell a very long story.", max_tokens=4000))
        await anext(aiter(answer))
        answer.abort()
        await answer.aclose()
    async with asyncio.timeout(PATIENCE_S):
        await heard(await opened(subject, call(max_tokens=2)))


async def test_an_engine_that_is_loading_is_busy() -> None:
    """Not ready, and an honest failure that says when to come back."""

    engine = EmbeddedEngine("m")
    async with http.session() as session:
        loading = Embedded(name="local", model="m", engine=engine, http=session, variant=EMBEDDED)
        assert not await loading.ready()
        with pytest.raises(Failure) as raised:
            await opened(loading, call())
    assert (raised.value.kind, raised.value.retry_after_s) == (Kind.BUSY, 1)


@pytest.mark.parametrize(
    ("endpoint", "field", "body"),
    [
        (Endpoint.COMPLETIONS, "logprobs", {"prompt": "x", "logprobs": 2}),
        (Endpoint.COMPLETIONS, "echo", {"prompt": "x", "max_tokens": 0, "echo": True}),
        (Endpoint.COMPLETIONS, "suffix", {"prompt": "x", "suffix": "y"}),
        (Endpoint.EMBEDDINGS, "dimensions", {"input": "x", "dimensions": 3}),
    ],
)
async def test_what_the_engine_would_answer_in_another_shape_is_refused(
    subject: Embedded, endpoint: Endpoint, field: str, body: dict[str, Any]
) -> None:
    """The chat's log-probabilities in a text completion, a token where only the prompt was asked for, all dimensions instead of three: each would be believed."""
    with pytest.raises(Failure) as raised:
        await opened(subject, Call(endpoint=endpoint, model="public", body=body))
    assert (raised.value.kind, raised.value.param) == (Kind.BAD_REQUEST, field)
