"""One answer over three clouds: Bedrock has no room, Azure OpenAI breaks off, Vertex AI finishes. The caller is OpenAI's client, unchanged."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import openai
import pytest

from tests.api.collector import Collector, attributes, collecting
from tests.api.serving import App, serving, until
from tests.inference.contract import KEY, streamed
from tests.inference.fakes.azure import AzureOpenAI
from tests.inference.fakes.bedrock import REGION, Bedrock, only_signed
from tests.inference.fakes.gemini import LOCATION, PROJECT, Gemini
from tests.inference.fakes.server import Fake, Then
from tests.inference.fakes.server import serving as vendor
from tests.inference.fakes.vendor import USAGE, Fault, Said
from tests.inference.identity.google_metadata import Metadata, on_google

WORDS = ("One, two, three, ", "four, five, ", "six, seven, ", "eight, nine, ten.")
CLIENT = 3  # opentelemetry.proto.trace.v1.Span.SpanKind
PRICE = "price: {input_usd_per_mtok: '2', output_usd_per_mtok: '10', cache_read_usd_per_mtok: '0.5'}"


@asynccontextmanager
async def three_clouds(monkeypatch: pytest.MonkeyPatch, nowhere: Path) -> AsyncIterator[tuple[App, list[Fake]]]:
    """The app in front of all three, each entered as its cloud wants it."""
    aws, azure, google = Bedrock(), AzureOpenAI(), Gemini()
    begun = azure.stream(Said(text=WORDS[:2], usage=None))[:3]
    async with (
        on_google(Metadata(), monkeypatch, nowhere),
        vendor(only_signed(aws.fault(Fault.RATE_LIMITED))) as first,
        vendor(streamed(azure, *begun, Then.RESET)) as second,
        vendor(streamed(google, *google.stream(Said(text=WORDS[2:])))) as third,
    ):
        routes = f"""
version: 1
backends:
  aws: {{adapter: bedrock, model: eu.amazon.nova-lite-v1:0, region: {REGION}, base_url: '{first.url}', {PRICE}}}
  azure: {{adapter: azure_openai, model: gpt-5-mini, base_url: '{second.url}', key_env: AZURE_KEY, {PRICE}}}
  google: {{adapter: vertex, model: gemini-2.5-flash, project: {PROJECT}, location: {LOCATION}, base_url: '{third.url}', {PRICE}}}
models: {{chat: {{backends: [{{use: aws}}, {{use: azure}}, {{use: google}}], retries: 0}}}}
"""
        environment = {**os.environ, **aws.environment(KEY), "AZURE_KEY": "azure-key"}
        async with serving(routes_text=routes, environment=environment) as app:
            yield app, [first, second, third]


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> object:
    with collecting() as collector:
        for name, value in collector.environment.items():
            monkeypatch.setenv(name, value)
        yield collector


async def test_one_answer_comes_over_three_clouds(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, collector: Collector
) -> None:
    """Each word once; each cloud's tokens and dollars by themselves; one trace with every attempt."""
    async with (
        three_clouds(monkeypatch, tmp_path) as (app, clouds),
        openai.AsyncOpenAI(api_key="unused", base_url=f"{app.url}/v1", max_retries=0) as client,
    ):
        stream = await client.chat.completions.create(
            model="chat", messages=[{"role": "user", "content": "Count to ten."}], stream=True
        )
        chunks = [chunk async for chunk in stream]
        tokens = await app.metric("trimaran_tokens_total")
        usd = await app.metric("trimaran_usd_total")
        failovers = await app.metric("trimaran_failovers_total")
        rescues = await app.metric("trimaran_rescues_total")
        await until(lambda: len(collector.spans) == 5)

    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == "".join(WORDS)
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1] == "stop"
    assert [len(cloud.received) for cloud in clouds] == [
        2,
        1,
        1,
    ]  # Bedrock, which names no time, is asked again when Azure breaks off

    google = Gemini().usage
    assert of("google", tokens) == {"input": google.input, "cache_read": google.cache_read, "output": USAGE.output} | {
        "reasoning": USAGE.reasoning
    }
    exact = (google.input * 2 + google.cache_read * 0.5 + google.completion * 10) / 1e6
    assert sum(of("google", usd).values()) == pytest.approx(exact, rel=1e-9)
    assert of("aws", tokens) == {}
    assert sum(of("aws", usd).values()) == 0
    assert sum(value for labels, value in failovers.items() if 'code="busy"' in labels) == 2
    assert sum(rescues.values()) == 1

    attempts = [span for span in collector.spans if span.kind == CLIENT]
    assert {span.trace_id for span in collector.spans} == {attempts[0].trace_id}
    assert sorted(attributes(span)["gen_ai.provider.name"] for span in attempts) == [
        "aws.bedrock",
        "aws.bedrock",
        "azure.ai.openai",
        "gcp.vertex_ai",
    ]


def of(backend: str, samples: dict[str, float]) -> dict[str, float]:
    """The samples of one backend that are not zero, by kind."""
    found = {}
    for labels, value in samples.items():
        names = dict(part.split("=", 1) for part in labels.strip("{}").split(","))
        if names["backend"] == f'"{backend}"' and value:
            found[names.get("kind", '""').strip('"')] = value
    return found
