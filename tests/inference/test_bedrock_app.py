"""A backend on Bedrock, through the whole app: its binary stream becomes what the caller's API promises, and what broke off goes on."""

from __future__ import annotations

import json

from tests.api.serving import CHAT, STREAM, serving
from tests.inference.contract import KEY
from tests.inference.fakes.bedrock import REGION, Bedrock, only_signed
from tests.inference.fakes.openai import OpenAI
from tests.inference.fakes.server import Reply, Then, as_stream
from tests.inference.fakes.server import serving as vendor
from tests.inference.fakes.vendor import Fault, Said

SAID = Said(text=("Hel", "lo"))
LONG = Said(text=("One, two, three, ", "four, five, six, ", "seven, eight, ", "nine, ten."))


def framed(*events: bytes | Then) -> Reply:
    return as_stream(*events, content_type=Bedrock.stream_type)


async def answered(body: dict[str, object], bedrock: Reply, second: Reply | None = None) -> bytes:
    """What a caller of OpenAI's API reads when Bedrock is asked first, and a healthy server on OpenAI's wire after it."""
    healthy = second or as_stream(*OpenAI().stream(SAID))
    async with vendor(only_signed(bedrock)) as first, vendor(healthy) as other:
        routes = (
            f"version: 1\nbackends:\n  a: {{adapter: bedrock, model: m, region: {REGION}, base_url: '{first.url}'}}\n"
            f"  b: {{adapter: openai_compatible, model: m, base_url: '{other.url}/v1'}}\n"
            "models: {chat: {backends: [{use: a}, {use: b}]}}\ndefault_model: chat\n"
        )
        async with (
            serving(routes_text=routes, environment=Bedrock().environment(KEY)) as app,
            app.post(body) as response,
        ):
            assert response.status == 200, await response.text()
            raw: bytes = await response.read()
            return raw


def text_of(raw: bytes) -> str:
    events = [event for event in raw.decode().split("\n\n") if event.startswith("data: {")]
    choices = [json.loads(event.removeprefix("data: "))["choices"] for event in events]
    return "".join(choice[0]["delta"].get("content") or "" for choice in choices if choice)


async def test_a_binary_stream_becomes_server_sent_events() -> None:
    """With the caller's own end mark, and Bedrock's counts."""
    raw = await answered(STREAM, framed(*Bedrock().stream(SAID)))
    assert text_of(raw) == "Hello"
    assert b'"tokens_in":30,"tokens_out":15' in raw
    assert raw.endswith(b"\n\ndata: [DONE]\n\n")


async def test_a_whole_answer_is_translated() -> None:
    """The app asks for a stream where another backend may have to go on, and puts it together."""
    answer = json.loads(await answered(CHAT, framed(*Bedrock().stream(SAID))))
    assert answer["choices"][0]["message"]["content"] == "Hello"


async def test_an_exception_before_content_goes_to_the_next_backend() -> None:
    """The caller hears nothing of it."""
    raw = await answered(STREAM, framed(Bedrock().error_event(Fault.OVERLOADED)))
    assert text_of(raw) == "Hello"


async def test_an_answer_that_broke_off_goes_on_with_another_backend() -> None:
    """On OpenAI's wire: the caller reads one answer, each word once."""
    rest = as_stream(*OpenAI().stream(Said(text=("seven, eight, ", "nine, ten."))))
    raw = await answered(STREAM, framed(*Bedrock().stream(LONG)[:3], Then.EOF), rest)
    assert text_of(raw) == "".join(LONG.text)
    assert raw.endswith(b"\n\ndata: [DONE]\n\n")


async def test_a_guardrails_words_are_the_answer() -> None:
    """They are the operator's own, and to ask another backend would be to get round the guardrail."""
    stopped = Said(text=("Sorry, I cannot.",), finish="content_filter")
    answer = json.loads(await answered(CHAT, framed(*Bedrock().stream(stopped))))
    [choice] = answer["choices"]
    assert (choice["message"]["content"], choice["finish_reason"]) == ("Sorry, I cannot.", "content_filter")
