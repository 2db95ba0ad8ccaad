"""The whole way on Vertex AI: OpenAI's client at the running app, which has its token of a metadata server, and Google's side faked."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import openai
import pytest

from tests.api.serving import App, serving
from tests.api.upstream import complete, upstream
from tests.inference.contract import streamed
from tests.inference.fakes.claude_on_vertex import ClaudeOnVertex
from tests.inference.fakes.gemini import LOCATION, PROJECT, Gemini, error
from tests.inference.fakes.openai_on_vertex import ENDPOINT, PATH
from tests.inference.fakes.server import Fake, Received, Reply, Then, as_json
from tests.inference.fakes.server import serving as faking
from tests.inference.fakes.vendor import USAGE, Fault, Said
from tests.inference.identity.google_metadata import Metadata, on_google

GEMINI, CLAUDE = Gemini(), ClaudeOnVertex()
SAID = Said(text=("Grüße, ", "世界"), tools=(("weather", ('{"city":', '"Paris"}')),), finish="tool_calls")
TOOLS: Any = [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}]
ASK: Any = {"model": "chat", "messages": [{"role": "user", "content": "hi"}]}
ENTRY = f"project: {PROJECT}, location: {LOCATION}"
both = pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])


def google(received: Received) -> Reply:
    """Each publisher's models in their wire, for those who have a token."""
    assert received.headers["authorization"] == "Bearer ya29.token-1"
    vendor: Gemini | ClaudeOnVertex = GEMINI if "/google/" in received.path else CLAUDE
    return streamed(vendor, *vendor.stream(SAID)) if vendor.asked(received).stream else vendor.whole(SAID)


def cut(received: Received) -> Reply:
    """Gemini breaks off, Claude goes on from there."""
    if "/google/" in received.path:
        return streamed(GEMINI, *GEMINI.stream(Said(text=("The sea ", "is wide"), usage=None))[:3], Then.RESET)
    assert [turn[0] for turn in CLAUDE.asked(received).turns] == ["user", "assistant"]
    return streamed(CLAUDE, *CLAUDE.stream(Said(text=(" and deep.",))))


@asynccontextmanager
async def app_on_google(
    monkeypatch: pytest.MonkeyPatch, nowhere: Path, reply: Any, *models: str
) -> AsyncIterator[tuple[App, Fake]]:
    """The app whose `chat` is answered by ``models`` of Vertex AI, in order."""
    async with on_google(Metadata(), monkeypatch, nowhere), faking(reply) as fake:
        backends = ", ".join(
            f"b{number}: {{adapter: vertex, model: '{name}', {ENTRY}, base_url: '{fake.url}'}}"
            for number, name in enumerate(models)
        )
        uses = ", ".join(f"{{use: b{number}}}" for number in range(len(models)))
        text = f"version: 1\nbackends: {{{backends}}}\nmodels: {{chat: {{backends: [{uses}], retries: 0}}}}"
        async with serving(routes_text=text) as app:
            yield app, fake


@both
@pytest.mark.parametrize("model", ["gemini-2.5-flash", "claude-sonnet-4-5@20250929"])
async def test_openais_client_hears_both(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, model: str, stream: bool
) -> None:
    """Text, a call and usage."""
    async with (
        app_on_google(monkeypatch, tmp_path, google, model) as (app, _),
        openai.AsyncOpenAI(api_key="unused", base_url=f"{app.url}/v1", max_retries=0) as client,
    ):
        options: dict[str, Any] = {"stream_options": {"include_usage": True}} if stream else {}
        answer: Any = await client.chat.completions.create(**ASK, **options, tools=TOOLS, stream=stream)
        chunks = [chunk async for chunk in answer] if stream else [answer]
    parts = [getattr(choice, "delta", None) or choice.message for chunk in chunks for choice in chunk.choices]
    arguments = "".join(call.function.arguments for part in parts for call in part.tool_calls or ())
    assert "".join(part.content or "" for part in parts) == "Grüße, 世界"
    assert json.loads(arguments) == {"city": "Paris"}
    assert (chunks[-1].usage.prompt_tokens, chunks[-1].usage.completion_tokens) == (USAGE.prompt, USAGE.completion)


async def test_an_answer_of_geminis_that_breaks_off_goes_on_at_claude(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The caller reads one answer."""
    async with (
        app_on_google(monkeypatch, tmp_path, cut, "gemini-2.5-flash", "claude-sonnet-4-5") as (app, _),
        openai.AsyncOpenAI(api_key="unused", base_url=f"{app.url}/v1", max_retries=0) as client,
    ):
        chunks = [chunk async for chunk in await client.chat.completions.create(**ASK, stream=True)]
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == "The sea is wide and deep."
    assert chunks[-1].choices[0].finish_reason == "stop"


async def test_without_rights_the_next_backend_answers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Gemini is not open to the project; Claude is."""

    def reply(received: Received) -> Reply:
        return as_json(error(Fault.NO_ACCESS), status=403) if "/google/" in received.path else google(received)

    async with (
        app_on_google(monkeypatch, tmp_path, reply, "gemini-2.5-flash", "claude-sonnet-4-5") as (app, fake),
        openai.AsyncOpenAI(api_key="unused", base_url=f"{app.url}/v1", max_retries=0) as client,
    ):
        answer = await client.chat.completions.create(**ASK, stream=False)
    assert answer.choices[0].message.content == "Grüße, 世界"
    assert len(fake.received) == 2


@both
async def test_our_own_image_answers_behind_an_endpoint(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, stream: bool
) -> None:
    """The app as a container of Vertex AI's, called by the app as its front: OpenAI's bytes from end to end."""
    container = {
        "TRIMARAN_ENTRYPOINT": "vertex",
        "AIP_HTTP_PORT": "8080",
        "AIP_HEALTH_ROUTE": "/health",
        "AIP_PREDICT_ROUTE": f"{PATH}:{'streamRawPredict' if stream else 'rawPredict'}",
    }
    async with (
        on_google(Metadata(), monkeypatch, tmp_path),
        upstream(complete) as model,
        serving(model, environment=container) as own,
    ):
        entry = f"{{adapter: vertex, model: chat, endpoint: '{ENDPOINT}', {ENTRY}, base_url: '{own.url}'}}"
        text = f"version: 1\nbackends: {{own: {entry}}}\nmodels: {{chat: {{backends: [{{use: own}}]}}}}"
        async with (
            serving(routes_text=text) as app,
            openai.AsyncOpenAI(api_key="unused", base_url=f"{app.url}/v1", max_retries=0) as client,
        ):
            answer: Any = await client.chat.completions.create(**ASK, stream=stream)
            chunks = [chunk async for chunk in answer] if stream else [answer]
    parts = [getattr(choice, "delta", None) or choice.message for chunk in chunks for choice in chunk.choices]
    assert "".join(part.content or "" for part in parts) == "ab"
