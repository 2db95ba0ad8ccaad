"""OpenAI's own client, unchanged, against the app."""

from __future__ import annotations

import asyncio

import openai
import pytest

from tests.api.serving import App, serving
from tests.api.upstream import begun_then, cut, upstream

KEYS = {"TRIMARAN_API_KEYS": "ci=secret-1"}


def client(app: App, key: str = "secret-1") -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(base_url=f"{app.url}/v1", api_key=key, max_retries=0)


async def say(app: App) -> openai.AsyncStream[openai.types.chat.ChatCompletionChunk]:
    return await client(app).chat.completions.create(
        model="chat", messages=[{"role": "user", "content": "hi"}], stream=True, stream_options={"include_usage": True}
    )


async def test_a_stream_is_read_to_its_end_with_usage() -> None:
    """Text, finish reason and the usage that was asked for come through the client's types."""
    async with upstream() as up, serving(up, environment=KEYS) as app:
        chunks = [chunk async for chunk in await say(app)]
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == "ab"
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.total_tokens == 9


async def test_a_cut_raises_in_the_client() -> None:
    """A bare end would look complete to the client; the error event makes it raise."""
    async with upstream(begun_then(cut)) as up, serving(up, environment=KEYS) as app:
        stream = await say(app)
        with pytest.raises(openai.APIError, match="up0"):
            _ = [chunk async for chunk in stream]


async def test_the_errors_are_the_clients_own() -> None:
    """A wrong key, an unknown model and a bad field are the exceptions that callers of the client catch."""
    async with upstream() as up, serving(up, environment=KEYS) as app:
        with pytest.raises(openai.AuthenticationError, match="not valid"):
            await client(app, "wrong").models.list()
        with pytest.raises(openai.NotFoundError, match="Known: chat"):
            await client(app).chat.completions.create(model="x", messages=[{"role": "user", "content": "hi"}])
        with pytest.raises(openai.BadRequestError, match="temperature"):
            await client(app).chat.completions.create(
                model="chat", messages=[{"role": "user", "content": "hi"}], temperature=9
            )


async def test_the_client_without_async_works_too() -> None:
    """Models and a whole answer through the blocking client."""

    def ask(url: str) -> tuple[list[str], str | None]:
        blocking = openai.OpenAI(base_url=f"{url}/v1", api_key="secret-1", max_retries=0)
        answer = blocking.chat.completions.create(
            model="chat", messages=[{"role": "developer", "content": "be brief"}], max_completion_tokens=5
        )
        return [model.id for model in blocking.models.list()], answer.choices[0].message.content

    async with upstream() as up, serving(up, environment=KEYS) as app:
        assert await asyncio.to_thread(ask, app.url) == (["chat"], "ab")
