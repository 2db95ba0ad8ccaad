"""The contract again, as far as a real model can be asked for it: the embedded engine, no fake."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from app.engines.embedded import EmbeddedEngine
from app.inference import http
from app.inference.own import OwnBackend
from app.inference.variants import EMBEDDED
from app.logic.answer import Call, Endpoint, Failure, Kind
from tests.inference.contract import call, heard, opened

both = pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])


@pytest.fixture
async def subject(engine: EmbeddedEngine) -> AsyncIterator[OwnBackend]:
    async with http.session() as session:
        yield OwnBackend(name="local", model=engine.model, engine=engine, http=session, variant=EMBEDDED)


@both
async def test_it_answers(subject: OwnBackend, stream: bool) -> None:
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


async def test_both_ways_say_the_same(subject: OwnBackend) -> None:
    """Streamed and whole, at temperature 0 and the same seed."""
    fields: dict[str, Any] = {"text": "Count to ten.", "max_tokens": 12, "temperature": 0, "seed": 1}
    whole = await heard(await opened(subject, call(stream=False, **fields)), stream=False)
    streamed = await heard(await opened(subject, call(**fields)))
    assert streamed.text == whole.text


async def test_a_schema_holds(subject: OwnBackend) -> None:
    """The model's 135 million parameters do not matter: the server's grammar does."""
    schema = {"type": "object", "properties": {"n": {"type": "integer", "enum": [1, 2]}}, "required": ["n"]}
    form = {"type": "json_schema", "json_schema": {"name": "n", "schema": schema, "strict": True}}
    answer = await heard(await opened(subject, call(text="Pick a number.", response_format=form, max_tokens=40)))
    assert json.loads(answer.text)["n"] in (1, 2)


async def test_it_stops_at_a_stop_word(subject: OwnBackend) -> None:
    """The word itself is not part of the answer."""
    fields: dict[str, Any] = {"text": "Count: 1, 2, 3,", "max_tokens": 30, "temperature": 0}
    free = await heard(await opened(subject, call(**fields)))
    word = free.text.split()[1]
    answer = await heard(await opened(subject, call(stop=word, **fields)))
    assert (answer.finish, word in answer.text) == ("stop", False)
    assert free.text.startswith(answer.text)


async def test_tools_are_refused_by_name(subject: OwnBackend) -> None:
    """The model's template has none: the server would leave them out without a word."""
    tool = {"type": "function", "function": {"name": "thermometer", "parameters": {"type": "object"}}}
    with pytest.raises(Failure) as raised:
        await opened(subject, call(tools=[tool], tool_choice="required"))
    assert (raised.value.kind, raised.value.param) == (Kind.BAD_REQUEST, "tools")


async def test_a_prompt_that_does_not_fit(subject: OwnBackend) -> None:
    """Another backend may have more room."""
    with pytest.raises(Failure) as raised:
        await opened(subject, call(text="word " * 9000))
    assert raised.value.kind is Kind.CONTEXT_TOO_LONG


@pytest.mark.parametrize("field", ["grammar", "id_slot", "chat_template", "lora", "n_predict"])
async def test_what_would_reach_into_the_server_is_refused(subject: OwnBackend, field: str) -> None:
    """llama.cpp would obey all of them."""
    fields: dict[str, Any] = {field: "x"}
    with pytest.raises(Failure) as raised:
        await opened(subject, call(**fields))
    assert (raised.value.kind, raised.value.param) == (Kind.BAD_REQUEST, field)


async def test_completions_and_embeddings(subject: OwnBackend) -> None:
    """The other two endpoints of the same server."""
    body: dict[str, Any] = {"prompt": "Once upon a", "max_tokens": 4, "temperature": 0}
    text = await heard(await opened(subject, Call(endpoint=Endpoint.COMPLETIONS, model="", body=body, stream=True)))
    assert (text.finish, bool(text.text)) == ("length", True)
    vectors = await opened(subject, Call(endpoint=Endpoint.EMBEDDINGS, model="", body={"input": ["a", "b"]}))
    (whole,) = [batch async for batch in vectors]
    assert len(json.loads(whole.raw)["data"]) == 2
    assert whole.end is not None
    assert whole.end.usage is not None


async def test_it_stops_generating_when_the_caller_leaves(subject: OwnBackend) -> None:
    """An answer without a limit is abandoned; a next one is served at once, by the same slots."""
    for _ in range(6):  # more than the server has slots
        answer = await opened(subject, call(text="Tell a very long story.", max_tokens=4000))
        await anext(aiter(answer))
        answer.abort()
        await answer.aclose()
    async with asyncio.timeout(20):
        await heard(await opened(subject, call(max_tokens=2)))


async def test_an_engine_that_is_loading_is_busy() -> None:
    """Not ready, and an honest failure that says when to come back."""

    engine = EmbeddedEngine("m")
    async with http.session() as session:
        loading = OwnBackend(name="local", model="m", engine=engine, http=session, variant=EMBEDDED)
        assert not await loading.ready()
        with pytest.raises(Failure) as raised:
            await opened(loading, call())
    assert (raised.value.kind, raised.value.retry_after_s) == (Kind.BUSY, 1)


@pytest.mark.parametrize(
    ("endpoint", "field", "body"),
    [
        (Endpoint.COMPLETIONS, "logprobs", {"prompt": "x", "logprobs": 2}),
        (Endpoint.EMBEDDINGS, "dimensions", {"input": "x", "dimensions": 3}),
    ],
)
async def test_what_the_engine_would_answer_in_another_shape_is_refused(
    subject: OwnBackend, endpoint: Endpoint, field: str, body: dict[str, Any]
) -> None:
    """The chat's log-probabilities in a text completion, all dimensions where three were asked for: both would be believed."""
    with pytest.raises(Failure) as raised:
        await opened(subject, Call(endpoint=endpoint, model="public", body=body))
    assert (raised.value.kind, raised.value.param) == (Kind.BAD_REQUEST, field)
