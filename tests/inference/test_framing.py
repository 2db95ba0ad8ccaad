"""A backend whose wire is framed in another way than callers' are: newline-delimited JSON, through the whole app."""

from __future__ import annotations

import json

import pytest

from app.inference import adapters
from app.wire import codecs
from tests.api.serving import CHAT, STREAM, serving
from tests.inference.fakes.openai import OpenAI
from tests.inference.fakes.server import Reply, Then, as_stream
from tests.inference.fakes.server import serving as vendor
from tests.inference.fakes.vendor import Said
from tests.inference.lines.adapter import ADAPTER
from tests.inference.lines.fake import Lines
from tests.inference.lines.wire import CODEC, WIRE

SAID = Said(text=("Hel", "lo"))


@pytest.fixture(autouse=True)
def _listed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(adapters.ADAPTERS, "lines", ADAPTER)
    monkeypatch.setitem(codecs.READ, WIRE, CODEC)


def as_lines(*events: bytes | Then) -> Reply:
    return as_stream(*events, content_type=Lines.stream_type)


async def answered(body: dict[str, object], lines: Reply) -> bytes:
    """What a caller of OpenAI's API reads when a backend on lines is asked first, and a healthy one on OpenAI's wire after it."""
    healthy = OpenAI()
    async with vendor(lines) as first, vendor(as_stream(*healthy.stream(SAID))) as second:
        routes = (
            f"version: 1\nbackends:\n  a: {{adapter: lines, model: m, base_url: '{first.url}'}}\n"
            f"  b: {{adapter: openai_compatible, model: m, base_url: '{second.url}/v1'}}\n"
            "models: {chat: {backends: [{use: a}, {use: b}]}}\ndefault_model: chat\n"
        )
        async with serving(routes_text=routes) as app, app.post(body) as response:
            assert response.status == 200
            raw: bytes = await response.read()
            return raw


async def test_a_stream_of_lines_becomes_server_sent_events() -> None:
    """With the caller's own end mark, and the backend's counts."""
    raw = await answered(STREAM, as_lines(*Lines().stream(SAID)))
    events = [event for event in raw.decode().split("\n\n") if event.startswith("data: {")]
    deltas = [json.loads(event.removeprefix("data: "))["choices"][0]["delta"] for event in events]
    assert "".join(delta.get("content", "") for delta in deltas) == "Hello"
    assert b'"tokens_in":30,"tokens_out":15' in raw
    assert raw.endswith(b"\n\ndata: [DONE]\n\n")


async def test_a_whole_answer_is_translated() -> None:
    """One JSON body of another shape."""
    answer = json.loads(await answered(CHAT, Lines().whole(SAID)))
    assert answer["choices"][0]["message"]["content"] == "Hello"


async def test_an_answer_that_broke_off_goes_on_in_the_callers_wire() -> None:
    """Nothing writes lines, so the router made OpenAI's chunks of them: another backend's rest can stand behind."""
    raw = await answered(STREAM, as_lines(*Lines().stream(Said(text=("H", "e", "l", "l")))[:3], Then.EOF))
    events = [event for event in raw.decode().split("\n\n") if event.startswith("data: {")]
    deltas = [json.loads(event.removeprefix("data: "))["choices"][0]["delta"] for event in events]
    assert "".join(delta.get("content", "") for delta in deltas).startswith("He")
    assert b'"rescued":1' in raw
    assert raw.endswith(b"\n\ndata: [DONE]\n\n")
