"""The real openai clients, unchanged, against the running app: one model answered by Anthropic's wire, one by the embedded engine."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
from collections.abc import AsyncIterable, Iterable, Iterator
from typing import Any

import openai
import pytest

from tests.inference.fakes.anthropic import Anthropic
from tests.inference.fakes.server import Received, Reply, as_stream, serving_in_thread
from tests.inference.fakes.vendor import USAGE, Fault, Said

FAKE = Anthropic()
KEY = "sk-ant-0123456789"
TOOL: Any = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}
SAID = {
    "hello": Said(text=("Grüße, ", "世界")),
    "tool": Said(tools=(("weather", ('{"city":', '"Paris"}')),), finish="tool_calls"),
}


def claude(received: Received) -> Reply:
    """Answers by what it is asked: a thing to say, or a fault."""
    asked = FAKE.asked(received)
    if asked.key != KEY:
        return FAKE.fault(Fault.WRONG_KEY)
    if asked.text in SAID:
        return as_stream(*FAKE.stream(SAID[asked.text])) if asked.stream else FAKE.whole(SAID[asked.text])
    return FAKE.fault(Fault(asked.text))


# One for each fault, so that a circuit which one test opens is not in another's way.
CLAUDES = ("claude", *Fault)


def claude_backend(name: str, url: str) -> str:
    return f"{name}: {{adapter: anthropic, model: {name}-x, base_url: '{url}', key_env: CLAUDE_KEY}}"


def model_route(name: str) -> str:
    return f"{name}: {{backends: [{{use: {name}}}], retries: 0}}"


@pytest.fixture(scope="module")
def app() -> Iterator[str]:
    """The app's address; its log is checked for the key at the end."""
    with serving_in_thread(claude) as fake:
        routes = (
            f"version: 1\nbackends: {{{', '.join(claude_backend(name, fake.url) for name in CLAUDES)},"
            " local: {adapter: embedded, model: smollm2-135m-instruct}}\n"
            f"models: {{{', '.join(model_route(name) for name in (*CLAUDES, 'local'))}}}\n"
        )
        environment = os.environ | {"TRIMARAN_ROUTES_YAML": routes, "TRIMARAN_PORT": "0", "CLAUDE_KEY": KEY}
        process = subprocess.Popen(
            [sys.executable, "-m", "app.main"], env=environment, stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        try:
            log = [
                _until(process.stdout, r"listening on 127\.0\.0\.1 port (\d+)"),
                _until(process.stdout, "is ready at"),
            ]
            port = re.findall(r"listening on 127\.0\.0\.1 port (\d+)", "".join(log))[0]
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            process.terminate()
            rest, _ = process.communicate(timeout=30)
        assert KEY not in rest


def _until(lines: Iterable[str], pattern: str) -> str:
    seen = ""
    for line in lines:
        seen += line
        if re.search(pattern, seen):
            return seen
    raise AssertionError(f"the app ended: {seen}")


def said(chunks: Iterable[Any]) -> tuple[str, str, str]:
    """Text, tool arguments and finish reason, streamed or whole."""
    choices = [choice for chunk in chunks for choice in chunk.choices]
    parts = [getattr(choice, "delta", None) or choice.message for choice in choices]
    tools = [tool for part in parts for tool in part.tool_calls or ()]
    text = "".join(part.content or "" for part in parts)
    return text, "".join(tool.function.arguments for tool in tools), choices[-1].finish_reason


async def collected(chunks: AsyncIterable[Any]) -> list[Any]:
    return [chunk async for chunk in chunks]


def ask(text: str, model: str = "claude", **fields: Any) -> dict[str, Any]:
    return {"model": model, "messages": [{"role": "user", "content": text}], "max_tokens": 8, **fields}


both = pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])


@both
@pytest.mark.parametrize(
    ("text", "heard"), [("hello", ("Grüße, 世界", "", "stop")), ("tool", ("", '{"city":"Paris"}', "tool_calls"))]
)
def test_the_client_hears_claude(app: str, stream: bool, text: str, heard: tuple[str, str, str]) -> None:
    """Sync: text and tools through another vendor's wire."""
    with openai.OpenAI(api_key="unused", base_url=app, max_retries=0) as client:
        answer = client.chat.completions.create(**ask(text, tools=[TOOL]), stream=stream)
        assert said(answer if stream else [answer]) == heard


@both
@pytest.mark.parametrize("model", ["claude", "local"])
async def test_the_async_client_hears_both(app: str, stream: bool, model: str) -> None:
    """Async: an answer with its end, whoever gives it."""
    async with openai.AsyncOpenAI(api_key="unused", base_url=app, max_retries=0) as client:
        answer: Any = await client.chat.completions.create(**ask("hello", model), stream=stream)
        text, _, finish = said(await collected(answer) if stream else [answer])
    assert (bool(text), finish in ("stop", "length")) == (True, True)


@both
def test_the_embedded_model_calls_where_it_is_forced(app: str, stream: bool) -> None:
    """Its template has no tools; what the client gets is a call like any other."""
    asked = ask("hello", "local", tools=[TOOL], tool_choice="required") | {"max_tokens": 80, "temperature": 0}
    with openai.OpenAI(api_key="unused", base_url=app, max_retries=0) as client:
        answer: Any = client.chat.completions.create(**asked, stream=stream)
        text, arguments, finish = said(answer if stream else [answer])
    assert (text, json.loads(arguments), finish) == ("", {}, "tool_calls")


def test_the_usage_that_was_asked_for(app: str) -> None:
    """One last chunk with OpenAI's counts, only when the caller asked."""
    with openai.OpenAI(api_key="unused", base_url=app) as client:
        plain = list(client.chat.completions.create(**ask("hello"), stream=True))
        counted = list(
            client.chat.completions.create(**ask("hello"), stream=True, stream_options={"include_usage": True})
        )
    assert all(chunk.usage is None and chunk.choices for chunk in plain)
    usage = counted[-1].usage
    assert usage is not None
    assert (usage.prompt_tokens, usage.completion_tokens) == (USAGE.prompt, USAGE.completion)


@both
@pytest.mark.parametrize(
    ("fault", "error", "code"),
    [
        (Fault.OVERLOADED, openai.InternalServerError, "busy"),
        (Fault.RATE_LIMITED, openai.RateLimitError, "busy"),
        (Fault.TOO_LONG, openai.BadRequestError, "context_length_exceeded"),
        (Fault.BAD_REQUEST, openai.BadRequestError, "bad_request"),
        (Fault.NO_MODEL, openai.InternalServerError, "misconfigured"),
    ],
)
async def test_the_client_knows_the_errors(
    app: str, stream: bool, fault: Fault, error: type[openai.APIStatusError], code: str
) -> None:
    """Claude's errors are the client's own classes, streaming or not."""
    async with openai.AsyncOpenAI(api_key="unused", base_url=app, max_retries=0) as client:
        with pytest.raises(error) as raised:
            await client.chat.completions.create(**ask(fault, model=fault), stream=stream)
    assert raised.value.code == code


def test_fields_are_refused_by_name(app: str) -> None:
    """What Anthropic cannot do, and what no backend gets."""
    with openai.OpenAI(api_key="unused", base_url=app, max_retries=0) as client:
        refused: dict[str, Any] = {"n": 2, "service_tier": "priority", "temperature": 1.5}
        for field, value in refused.items():
            with pytest.raises(openai.BadRequestError) as raised:
                client.chat.completions.create(**ask("hello") | {field: value})
            assert raised.value.param == field


async def test_many_at_once(app: str) -> None:
    """Twenty streams side by side, none mixed with another."""
    async with openai.AsyncOpenAI(api_key="unused", base_url=app, max_retries=0) as client:

        async def one(text: str) -> tuple[str, str, str]:
            return said(await collected(await client.chat.completions.create(**ask(text, tools=[TOOL]), stream=True)))

        heard = await asyncio.gather(*(one(text) for text in ("hello", "tool") * 10))
    assert heard == [("Grüße, 世界", "", "stop"), ("", '{"city":"Paris"}', "tool_calls")] * 10
