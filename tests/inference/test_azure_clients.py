"""The fakes of Microsoft's APIs are worth something only if the clients of others take them for the real ones: openai's and azure-ai-inference's."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import openai
import pytest
from azure.ai.inference import ChatCompletionsClient
from azure.ai.inference.aio import ChatCompletionsClient as AsyncChatCompletionsClient
from azure.ai.inference.models import JsonSchemaFormat
from azure.core.credentials import AzureKeyCredential
from azure.core.exceptions import HttpResponseError, ServiceResponseError

from tests.inference.contract import KEY
from tests.inference.fakes.azure import LATE_MARKS, AIInference, AzureOpenAI
from tests.inference.fakes.openai import OpenAI
from tests.inference.fakes.server import Fake, Received, Reply, Then, as_json, as_stream, serving, serving_in_thread
from tests.inference.fakes.vendor import USAGE, Fault, Said

TEXT = Said(text=("Grüße, ", "世界"))
CITY = ("get_weather", ('{"city":', '"Paris"}'))
TOOL = Said(tools=(CITY,), finish="tool_calls")
TOOLS = Said(tools=(CITY, ("now", ("{}",))), finish="tool_calls")
FILTERED = Said(text=("Once ",), finish="content_filter")
FUNCTIONS = [
    {"type": "function", "function": {"name": n, "parameters": {"type": "object"}}} for n in ("get_weather", "now")
]
SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}}
IMAGE = "data:image/png;base64,aGk="
SEEN = [
    {"role": "user", "content": [{"type": "text", "text": "hi"}, {"type": "image_url", "image_url": {"url": IMAGE}}]}
]
EXPIRED = as_json({"error": {"code": "401", "message": "The token has expired"}}, status=401)
RETRY = {"retry-after": "33", "retry-after-ms": "33000"}


@dataclass(kw_only=True)
class Heard:
    """What a client made of an answer; ``status``: of an error."""

    text: str = ""
    tools: tuple[tuple[str, str], ...] = ()
    finish: str = ""
    tokens: int | None = None
    status: int | None = None
    headers: dict[str, str] | None = None
    cut: bool = False


def _heard(parts: list[Any]) -> Heard:
    """Of chunks or a whole answer, whose objects both clients name alike."""
    heard, calls = Heard(), list[list[str]]()
    for part in parts:
        for choice in part.choices:
            said = getattr(choice, "delta", None) or getattr(choice, "message", None)
            heard.finish = choice.finish_reason or heard.finish
            if said is None:
                continue
            heard.text += said.content or ""
            for call in said.tool_calls or ():
                if call.id:
                    calls.append([call.function.name, ""])
                calls[-1][1] += call.function.arguments or ""
        heard.tokens = part.usage.completion_tokens if part.usage else heard.tokens
    heard.tools = tuple((name, arguments) for name, arguments in calls)
    return heard


Ask = Callable[[Fake, bool, dict[str, Any], Callable[[], str]], Any]


def by_openai(fake: Fake, stream: bool, fields: dict[str, Any], key: Callable[[], str]) -> Heard:
    """The client as Microsoft's pages have it for the v1 API; the key is asked for each request."""
    with openai.OpenAI(api_key=key, base_url=f"{fake.url}/openai/v1", max_retries=0) as client:
        return _by_openai(client, stream, fields)


def by_azure_openai(fake: Fake, stream: bool, fields: dict[str, Any], key: Callable[[], str]) -> Heard:
    """The client's class for Azure, with the key in `api-key`. It knows the older API's path only, which the fake does not look at here."""
    with openai.AzureOpenAI(api_key=key(), base_url=f"{fake.url}/openai/v1", api_version="v1", max_retries=0) as client:
        return _by_openai(client, stream, fields)


def _by_openai(client: openai.OpenAI, stream: bool, fields: dict[str, Any]) -> Heard:
    asked: dict[str, Any] = {"model": "deployment", "messages": [{"role": "user", "content": "hi"}], **fields}
    try:
        answer: Any = client.chat.completions.create(**asked, stream=stream)
        return _heard(list(answer) if stream else [answer])
    except openai.APIStatusError as error:
        return Heard(status=error.status_code, headers=_lower(error.response.headers))
    except (openai.APIError, httpx.HTTPError):
        return Heard(cut=True)


def by_ai_inference(fake: Fake, stream: bool, fields: dict[str, Any], key: Callable[[], str]) -> Heard:
    """Microsoft's own client of that wire."""
    with ChatCompletionsClient(f"{fake.url}/models", AzureKeyCredential(key()), retry_total=0) as client:
        try:
            answer: Any = client.complete(**_inference(fields), stream=stream)
            return _heard(list(answer) if stream else [answer])
        except HttpResponseError as error:
            return _failed(error)
        except ServiceResponseError:
            return Heard(cut=True)


async def by_ai_inference_aio(fake: Fake, stream: bool, fields: dict[str, Any], key: Callable[[], str]) -> Heard:
    """The same, asynchronous."""
    async with AsyncChatCompletionsClient(f"{fake.url}/models", AzureKeyCredential(key()), retry_total=0) as client:
        try:
            answer: Any = await client.complete(**_inference(fields), stream=stream)
            return _heard([part async for part in answer] if stream else [answer])
        except HttpResponseError as error:
            return _failed(error)
        except ServiceResponseError:
            return Heard(cut=True)


def _failed(error: HttpResponseError) -> Heard:
    if error.status_code is None or error.status_code == 200:
        return Heard(cut=True)
    response: Any = error.response
    return Heard(status=error.status_code, headers=_lower(response.headers))


def _lower(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def _inference(fields: dict[str, Any]) -> dict[str, Any]:
    """``fields`` in the client's own words."""
    asked: dict[str, Any] = {"model": "deployment", "messages": [{"role": "user", "content": "hi"}], **fields}
    asked.pop("stream_options", None)
    if form := asked.pop("response_format", None):
        asked["response_format"] = JsonSchemaFormat(**form["json_schema"])
    if extra := asked.pop("extra_body", None):
        asked["model_extras"] = extra
    return asked


@dataclass(frozen=True, kw_only=True)
class Exchange:
    """``replies`` of a wire's fake; ``fields`` are sent; ``holds`` of what a client made of each, ``sent`` of the last request."""

    replies: Callable[[OpenAI], list[Reply]]
    holds: Callable[[list[Heard]], bool]
    fields: dict[str, Any] | None = None
    stream: bool = False
    sent: Callable[[Received], bool] = lambda _: True


def _cut(wire: OpenAI) -> list[Reply]:
    return [as_stream(*wire.stream(TEXT)[:3], 0.05, Then.RESET)]


def _throttled(wire: OpenAI) -> list[Reply]:
    limited = wire.fault(Fault.RATE_LIMITED)
    return [Reply(status=limited.status, steps=limited.steps, headers=RETRY)]


EXCHANGES = {
    "plain": Exchange(
        replies=lambda wire: [wire.whole(TEXT)],
        holds=lambda heard: (heard[0].text, heard[0].finish) == ("Grüße, 世界", "stop"),
    ),
    "stream": Exchange(
        stream=True,
        replies=lambda wire: [as_stream(*wire.stream(TEXT))],
        holds=lambda heard: (heard[0].text, heard[0].finish) == ("Grüße, 世界", "stop"),
    ),
    "tool": Exchange(
        fields={"tools": FUNCTIONS},
        replies=lambda wire: [wire.whole(TOOL)],
        holds=lambda heard: heard[0].tools == (("get_weather", '{"city":"Paris"}'),),
        sent=lambda request: [tool["function"]["name"] for tool in request.body["tools"]] == ["get_weather", "now"],
    ),
    "parallel tools": Exchange(
        stream=True,
        fields={"tools": FUNCTIONS},
        replies=lambda wire: [as_stream(*wire.stream(TOOLS))],
        holds=lambda heard: heard[0].tools == (("get_weather", '{"city":"Paris"}'), ("now", "{}")),
    ),
    "schema": Exchange(
        fields={"response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": SCHEMA}}},
        replies=lambda wire: [wire.whole(Said(text=('{"a":1}',)))],
        holds=lambda heard: json.loads(heard[0].text) == {"a": 1},
        sent=lambda request: request.body["response_format"]["json_schema"]["schema"] == SCHEMA,
    ),
    "image": Exchange(
        fields={"messages": SEEN},
        replies=lambda wire: [wire.whole(TEXT)],
        holds=lambda heard: heard[0].text == "Grüße, 世界",
        sent=lambda request: request.body["messages"][0]["content"][1]["image_url"]["url"] == IMAGE,
    ),
    "throttle": Exchange(
        replies=_throttled,
        holds=lambda heard: heard[0].status == 429 and (heard[0].headers or {}).get("retry-after") == "33",
    ),
    "content filter of a prompt": Exchange(
        replies=lambda wire: [wire.fault(Fault.REFUSED)], holds=lambda heard: heard[0].status == 400
    ),
    "content filter mid-stream": Exchange(
        stream=True,
        replies=lambda wire: [as_stream(*wire.stream(FILTERED))],
        holds=lambda heard: (heard[0].text, heard[0].finish) == ("Once ", "content_filter"),
    ),
    "cut": Exchange(stream=True, replies=_cut, holds=lambda heard: heard[0].cut),
    "expired token": Exchange(
        replies=lambda wire: [EXPIRED, wire.whole(TEXT)],
        holds=lambda heard: heard[0].status == 401 and heard[1].text == "Grüße, 世界",
        sent=lambda request: (
            f"{KEY}-2"
            in {request.headers.get("api-key"), request.headers.get("authorization", "").removeprefix("Bearer ")}
        ),
    ),
    "usage": Exchange(
        stream=True,
        fields={"stream_options": {"include_usage": True}},
        replies=lambda wire: [as_stream(*wire.stream(TEXT))],
        holds=lambda heard: heard[0].tokens == USAGE.completion,
    ),
    "unknown field": Exchange(
        fields={"extra_body": {"new_field": 1}},
        replies=lambda wire: [_with_more(wire)],
        holds=lambda heard: heard[0].text == "Grüße, 世界",
        sent=lambda request: request.body["new_field"] == 1,
    ),
    "no deployment": Exchange(
        replies=lambda wire: [wire.fault(Fault.NO_MODEL)], holds=lambda heard: heard[0].status == 404
    ),
}


def _with_more(wire: OpenAI) -> Reply:
    """An answer with a field that no client knows yet."""
    [body] = wire.whole(TEXT).steps
    assert isinstance(body, bytes)
    return as_json(json.loads(body) | {"brand_new": {"a": 1}})


CLIENTS: dict[str, tuple[Ask, OpenAI]] = {
    "openai": (by_openai, AzureOpenAI()),
    "AzureOpenAI": (by_azure_openai, AzureOpenAI()),
    "azure.ai.inference": (by_ai_inference, AIInference()),
    "azure.ai.inference.aio": (by_ai_inference_aio, AIInference()),
}


@asynccontextmanager
async def _server(name: str, replies: list[Reply]) -> AsyncIterator[Fake]:
    """In a thread for the clients that block."""
    if name.endswith("aio"):
        async with serving(*replies) as fake:
            yield fake
    else:
        with serving_in_thread(*replies) as fake:
            yield fake


@pytest.mark.parametrize("exchange", EXCHANGES)
@pytest.mark.parametrize("name", CLIENTS)
async def test_a_foreign_client_takes_the_fake_for_the_real_one(name: str, exchange: str) -> None:
    """Each exchange, by each client of the wire."""
    (ask, wire), wanted = CLIENTS[name], EXCHANGES[exchange]
    replies = wanted.replies(wire)
    heard: list[Heard] = []
    async with _server(name, replies[:]) as fake:
        for number, _ in enumerate(replies, 1):
            answer = ask(fake, wanted.stream, wanted.fields or {}, lambda number=number: f"{KEY}-{number}")  # type: ignore[misc]
            heard.append(answer if isinstance(answer, Heard) else await answer)
        assert wanted.holds(heard), heard
        assert wanted.sent(fake.received[-1])


@pytest.mark.parametrize("name", ["openai", "AzureOpenAI"])
async def test_openais_client_reads_the_marks_that_come_late(name: str) -> None:
    """A choice without a delta, in the middle of a stream with the asynchronous filter."""
    ask, wire = CLIENTS[name]
    opening, first, *rest = wire.stream(TEXT)
    async with _server(name, [as_stream(opening, first, LATE_MARKS, *rest)]) as fake:
        assert ask(fake, True, {}, lambda: KEY).text == "Grüße, 世界"


def test_the_adapter_sends_what_microsofts_client_sends() -> None:
    """The path, the version and the header for fields that the API does not know."""
    with serving_in_thread(AIInference().whole(TEXT)) as fake:
        by_ai_inference(fake, False, {"extra_body": {"top_k": 5}}, lambda: KEY)
        [received] = fake.received
    assert received.path == "/models/chat/completions?api-version=2024-05-01-preview"
    assert (received.headers["extra-parameters"], received.headers["api-key"]) == ("pass-through", KEY)
