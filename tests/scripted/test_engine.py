"""The scripted engine does what its models are named for, on a real socket."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import Any

import openai
import pytest

from app.logic.routes import parse
from tests.scripted.models import MODELS, waits_s
from tests.scripted.running import routes, scripted_engine


@pytest.fixture(scope="module")
def client() -> Iterator[openai.OpenAI]:
    with scripted_engine() as port:
        yield openai.OpenAI(base_url=f"http://127.0.0.1:{port}/v1", api_key="none", max_retries=0)


def ask(client: openai.OpenAI, model: str, content: str = "What is 17+25?", **fields: Any) -> Any:
    return client.chat.completions.create(model=model, messages=[{"role": "user", "content": content}], **fields)


@pytest.mark.parametrize(("model", "right"), [("steady", True), ("slow", True), ("wordy", True), ("dull", False)])
def test_sums_are_right_except_from_the_dull_one(client: openai.OpenAI, model: str, right: bool) -> None:
    """Whole and streamed say the same."""
    whole = ask(client, model).choices[0].message.content
    streamed = "".join(chunk.choices[0].delta.content or "" for chunk in ask(client, model, stream=True))

    assert whole == streamed
    assert ("42" in whole) == right


def test_only_the_better_one_multiplies(client: openai.OpenAI) -> None:
    """So that a suite can tell it from the steady one."""
    assert "56" in ask(client, "better", "7 × 8 = ?").choices[0].message.content
    assert "56" not in ask(client, "steady", "7 × 8 = ?").choices[0].message.content


def test_the_wordy_one_takes_twice_the_tokens(client: openai.OpenAI) -> None:
    """As it reports them."""
    assert ask(client, "wordy").usage.completion_tokens == 2 * ask(client, "steady").usage.completion_tokens


def test_the_faulty_one_fails_now_and_then(client: openai.OpenAI) -> None:
    """With a 500 or in the middle; the same requests each time, by the seed."""
    codes = []
    for _ in range(100):
        try:
            codes.append(list(ask(client, "faulty", stream=True))[-1].choices[0].finish_reason)
        except openai.InternalServerError:
            codes.append("500")
        except openai.APIError as error:
            codes.append(type(error).__name__)
    assert 10 <= sum(code != "stop" for code in codes) <= 20
    assert "500" in codes
    assert len(set(codes)) > 2


def test_the_slow_one_waits_longer() -> None:
    """For every token, by the same factor, with the same jitter."""
    steady, slow = (waits_s(MODELS[name], 5, random.Random(1)) for name in ("steady", "slow"))

    assert [late / soon for late, soon in zip(slow, steady, strict=True)] == pytest.approx([1.6] * 5)
    assert len(set(steady)) == 5


def test_json_and_tools_come_as_asked(client: openai.OpenAI) -> None:
    """The smallest instance of the schema, with the right value."""
    schema = {"type": "object", "properties": {"sum": {"type": "integer"}}, "required": ["sum"]}
    form = {"type": "json_schema", "json_schema": {"name": "s", "schema": schema}}
    tool = {"type": "function", "function": {"name": "tell", "parameters": schema}}

    told = ask(client, "steady", tools=[tool], tool_choice="required").choices[0]
    limited = ask(client, "steady", max_tokens=2).choices[0]

    assert json.loads(ask(client, "steady", response_format=form).choices[0].message.content) == {"sum": 42}
    assert (told.finish_reason, json.loads(told.message.tool_calls[0].function.arguments)) == (
        "tool_calls",
        {"sum": 42},
    )
    assert (limited.finish_reason, limited.message.content.strip()) == ("length", "The answer")


def test_a_text_that_was_begun_goes_on(client: openai.OpenAI) -> None:
    """As vLLM's `continue_final_message` does."""
    messages: list[Any] = [{"role": "user", "content": "1+1"}, {"role": "assistant", "content": "The answer"}]
    answer = client.chat.completions.create(
        model="steady", messages=messages, extra_body={"continue_final_message": True, "add_generation_prompt": False}
    )

    assert answer.choices[0].message.content == "is 2."


def test_an_unknown_model_is_not_found(client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError):
        ask(client, "nobody")


def test_its_routes_file_is_one() -> None:
    """A public model for each scripted one, with a price."""
    made = parse(routes(1, "better"), "routes.yaml")

    assert (set(made.models), made.default_model) == (set(MODELS), "better")
    assert all(backend.price for backend in made.backends.values())
