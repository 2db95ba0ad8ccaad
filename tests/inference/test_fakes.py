"""The fakes are worth something only if the vendors' own clients take them for the vendor."""

from __future__ import annotations

from collections.abc import AsyncIterable, Iterable
from typing import Any

import anthropic
import openai
import pytest

from app.wire.codecs import READ, WRITTEN
from app.wire.events import Wire
from tests.inference.contract import KEY
from tests.inference.fakes.anthropic import Anthropic
from tests.inference.fakes.openai import OpenAI
from tests.inference.fakes.server import Reply, as_stream, serving, serving_in_thread
from tests.inference.fakes.vendor import USAGE, Fault, Said

SAID = Said(text=("Grüße, ", "世界"), tools=(("get_weather", ('{"city":', '"Paris"}')),), finish="tool_calls")
ASK: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
CLAUDE: dict[str, Any] = ASK | {"max_tokens": 9}
TEXT = "Grüße, 世界"
both = pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])


def reply(vendor: OpenAI | Anthropic, stream: bool) -> Reply:
    return as_stream(*vendor.stream(SAID)) if stream else vendor.whole(SAID)


def openai_said(chunks: Iterable[Any]) -> tuple[str, str]:
    """The text and the first tool's arguments, streamed or whole."""
    parts = [getattr(choice, "delta", None) or choice.message for chunk in chunks for choice in chunk.choices]
    tools = [tool for part in parts for tool in part.tool_calls or ()]
    return "".join(part.content or "" for part in parts), "".join(tool.function.arguments for tool in tools)


async def collected(chunks: AsyncIterable[Any]) -> list[Any]:
    return [chunk async for chunk in chunks]


@both
def test_the_openai_client_reads_openai(stream: bool) -> None:
    """Sync, streaming and whole, with a tool call."""
    with (
        serving_in_thread(reply(OpenAI(), stream)) as fake,
        openai.OpenAI(api_key=KEY, base_url=f"{fake.url}/v1", max_retries=0) as client,
    ):
        answer = client.chat.completions.create(**ASK, stream=stream)
        assert openai_said(answer if stream else [answer]) == (TEXT, '{"city":"Paris"}')


@both
async def test_the_async_openai_client_reads_openai(stream: bool) -> None:
    """The async client, the same."""
    async with (
        serving(reply(OpenAI(), stream)) as fake,
        openai.AsyncOpenAI(api_key=KEY, base_url=f"{fake.url}/v1", max_retries=0) as client,
    ):
        answer: Any = await client.chat.completions.create(**ASK, stream=stream)
        assert openai_said(await collected(answer) if stream else [answer]) == (TEXT, '{"city":"Paris"}')


def claude_said(message: anthropic.types.Message) -> tuple[str, Any]:
    text, tool = message.content
    assert text.type == "text"
    assert tool.type == "tool_use"
    return text.text, tool.input


def test_the_anthropic_client_reads_anthropic() -> None:
    """Sync, streaming and whole, with a tool call."""
    with (
        serving_in_thread(reply(Anthropic(), True), reply(Anthropic(), False)) as fake,
        anthropic.Anthropic(api_key=KEY, base_url=fake.url, max_retries=0) as client,
    ):
        with client.messages.stream(**CLAUDE) as stream:
            assert claude_said(stream.get_final_message()) == (TEXT, {"city": "Paris"})
        assert claude_said(client.messages.create(**CLAUDE)) == (TEXT, {"city": "Paris"})


async def test_the_async_anthropic_client_reads_anthropic() -> None:
    """The async client, the same."""
    async with (
        serving(reply(Anthropic(), True), reply(Anthropic(), False)) as fake,
        anthropic.AsyncAnthropic(api_key=KEY, base_url=fake.url, max_retries=0) as client,
    ):
        async with client.messages.stream(**CLAUDE) as stream:
            assert claude_said(await stream.get_final_message()) == (TEXT, {"city": "Paris"})
        assert claude_said(await client.messages.create(**CLAUDE)) == (TEXT, {"city": "Paris"})


@pytest.mark.parametrize("fault", list(Fault))
async def test_both_clients_know_the_faults(fault: Fault) -> None:
    """Each fault is an error of the status that the fake claims."""
    expected = OpenAI().fault(fault).status, Anthropic().fault(fault).status
    async with (
        serving(OpenAI().fault(fault)) as one,
        serving(Anthropic().fault(fault)) as other,
        openai.AsyncOpenAI(api_key=KEY, base_url=f"{one.url}/v1", max_retries=0) as gpt,
        anthropic.AsyncAnthropic(api_key=KEY, base_url=other.url, max_retries=0) as claude,
    ):
        with pytest.raises(openai.APIStatusError) as of_openai:
            await gpt.chat.completions.create(**ASK)
        with pytest.raises(anthropic.APIStatusError) as of_anthropic:
            await claude.messages.create(**CLAUDE)
    assert (of_openai.value.status_code, of_anthropic.value.status_code) == expected


async def test_both_clients_send_what_the_fakes_read() -> None:
    """What the real clients write is understood by the fakes, tools and all."""
    schema: dict[str, Any] = {"type": "object", "properties": {}}
    async with (
        serving(reply(OpenAI(), False)) as one,
        serving(reply(Anthropic(), False)) as other,
        openai.AsyncOpenAI(api_key=KEY, base_url=f"{one.url}/v1") as gpt,
        anthropic.AsyncAnthropic(api_key=KEY, base_url=other.url) as claude,
    ):
        tool: Any = {"type": "function", "function": {"name": "now", "parameters": schema}}
        await gpt.chat.completions.create(**ASK, tools=[tool], stop="END", max_completion_tokens=9, stream=False)
        await claude.messages.create(
            model="m",
            max_tokens=9,
            messages=[{"role": "user", "content": [{"type": "text", "text": "hi"}]}],
            tools=[{"name": "now", "input_schema": schema}],
            stop_sequences=["END"],
            stream=False,
        )
    asked = OpenAI().asked(one.received[0]), Anthropic().asked(other.received[0])
    assert [(a.model, a.text, a.tools, a.stop, a.max_tokens, a.key) for a in asked] == [
        ("m", "hi", ("now",), ("END",), 9, KEY)
    ] * 2


async def test_the_anthropic_client_reads_what_the_codec_writes() -> None:
    """An answer of OpenAI's, written in Anthropic's wire, streamed and whole."""
    events = READ[Wire.OPENAI_CHAT].reader().read(b"".join(OpenAI().stream(SAID)))
    writer = WRITTEN[Wire.ANTHROPIC].writer(include_usage=True)
    streamed = as_stream(writer.render(events), writer.end())
    [body] = OpenAI().whole(SAID).steps
    assert isinstance(body, bytes)
    whole = WRITTEN[Wire.ANTHROPIC].render_whole(READ[Wire.OPENAI_CHAT].parse_whole(body))
    async with (
        serving(streamed, Reply(steps=[whole])) as fake,
        anthropic.AsyncAnthropic(api_key=KEY, base_url=fake.url, max_retries=0) as client,
    ):
        async with client.messages.stream(**CLAUDE) as stream:
            message = await stream.get_final_message()
        assert claude_said(message) == (TEXT, {"city": "Paris"})
        assert (message.stop_reason, message.usage.output_tokens) == ("tool_use", USAGE.completion)
        assert claude_said(await client.messages.create(**CLAUDE)) == (TEXT, {"city": "Paris"})
