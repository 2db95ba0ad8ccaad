"""OpenTelemetry: one trace for a request and its attempts, GenAI names, no prompt, and a collector that nobody waits for."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest

from app.telemetry import export
from app.telemetry.export import TelemetryError
from tests.api.collector import Collector, attributes, collecting
from tests.api.serving import CHAT, STREAM, serving, until
from tests.api.upstream import Exchange, paced, upstream

SERVER, CLIENT = 2, 3  # opentelemetry.proto.trace.v1.Span.SpanKind
TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


async def failing(exchange: Exchange) -> None:
    await exchange.json({"error": {"message": "overloaded"}}, status=503)


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> object:
    """A collector that the SDK, which reads the environment itself, sends to."""
    with collecting() as collector:
        for name, value in collector.environment.items():
            monkeypatch.setenv(name, value)
        yield collector


@pytest.mark.parametrize("state", ["a=ÿþ", "a b=c", "no member", "a=" + "x" * 600])
async def test_a_state_that_is_none_goes_nowhere(
    collector: Collector, state: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither on to a backend nor, by OpenTelemetry's warning, into the log."""
    async with upstream() as up, serving(up, environment=os.environ) as app:
        async with app.post(STREAM, headers={"traceparent": TRACEPARENT, "tracestate": state}) as response:
            await response.read()
        await until(lambda: len(collector.spans) == 2)
    assert "tracestate" not in up.requests[0].headers
    assert state[:5] not in caplog.text


async def test_a_request_is_one_trace_with_a_span_for_each_attempt(collector: Collector) -> None:
    """The request's span is the caller's child; its attempts are its children, the failed one with its reason."""
    async with upstream(failing) as first, upstream() as second, serving(first, second, environment=os.environ) as app:
        async with app.post(STREAM, headers={"traceparent": TRACEPARENT, "tracestate": "a=b"}) as response:
            await response.read()
            request_id = response.headers["x-request-id"]
        await until(lambda: len(collector.spans) == 3)
    request = collector.span(SERVER)
    failed, answered = sorted(
        (span for span in collector.spans if span.kind == CLIENT), key=lambda span: span.start_time_unix_nano
    )
    assert request.parent_span_id.hex() == "00f067aa0ba902b7"
    assert {span.trace_id.hex() for span in collector.spans} == {"4bf92f3577b34da6a3ce929d0e0e4736"}
    assert failed.parent_span_id == answered.parent_span_id == request.span_id
    assert second.requests[0].headers["traceparent"].split("-")[2] == answered.span_id.hex()
    assert second.requests[0].headers["tracestate"] == "a=b"
    assert attributes(failed)["error.type"] == "busy"
    assert attributes(request)["trimaran.request_id"] == request_id
    assert request.start_time_unix_nano <= answered.start_time_unix_nano < answered.end_time_unix_nano
    assert abs(request.start_time_unix_nano / 1e9 - time.time()) < 10


async def test_spans_have_the_names_of_the_genai_conventions(collector: Collector) -> None:
    """Operation, provider, models, tokens and finish reasons stand under the conventions' names."""
    async with upstream() as up, serving(up, environment=os.environ) as app:
        async with app.post(STREAM) as response:
            await response.read()
        await until(lambda: len(collector.spans) == 2)
    request, attempt = collector.span(SERVER), collector.span(CLIENT)
    assert (request.name, attempt.name) == ("chat chat", "chat mock-1")
    expected = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "mock-1",
        "gen_ai.request.stream": True,
        "gen_ai.usage.input_tokens": 7,
        "gen_ai.usage.output_tokens": 2,
    }
    assert expected.items() <= attributes(attempt).items()
    assert attributes(request)["gen_ai.response.finish_reasons"].values[0].string_value == "stop"
    assert collector.resource["service.name"] == "trimaran"
    assert collector.resource["service.version"] == "r1"


async def test_metrics_are_sent_when_the_app_ends(collector: Collector) -> None:
    """Durations, tokens and first chunks are measured for the request and for the attempt, and nothing is lost at the end."""
    async with (
        upstream(paced(5, 0.01)) as up,
        serving(up, environment=os.environ) as app,
        app.post(STREAM) as response,
    ):
        await response.read()
    assert set(collector.metrics) == {
        "gen_ai.client.operation.duration",
        "gen_ai.client.token.usage",
        "gen_ai.client.operation.time_to_first_chunk",
        "gen_ai.server.request.duration",
        "gen_ai.server.time_to_first_token",
        "gen_ai.server.time_per_output_token",
    }
    points = collector.metrics["gen_ai.client.token.usage"].histogram.data_points
    assert {attributes(point)["gen_ai.token.type"]: point.sum for point in points} == {"input": 7, "output": 2}


@pytest.mark.parametrize(("switch", "told"), [("0", False), ("1", True)])
async def test_prompts_are_sent_only_when_asked_for(collector: Collector, switch: str, told: bool) -> None:
    """Without TRIMARAN_LOG_PROMPTS=1 no text of a prompt leaves the app in a span."""
    async with upstream() as up, serving(up, environment=os.environ | {"TRIMARAN_LOG_PROMPTS": switch}) as app:
        async with app.post({"messages": [{"role": "user", "content": "the secret plan"}]}) as response:
            await response.read()
        await until(lambda: len(collector.spans) == 2)
    assert ("the secret plan" in str(collector.spans)) == told


async def test_a_trace_that_the_caller_does_not_sample_is_not_sent(collector: Collector) -> None:
    """The caller's decision is followed, and handed on to the backend."""
    async with upstream() as up, serving(up, environment=os.environ) as app:
        for flags in ("00", "01"):
            async with app.post(CHAT, headers={"traceparent": TRACEPARENT[:-2] + flags}) as response:
                await response.read()
        await until(lambda: len(collector.spans) == 2)
        assert [request.headers["traceparent"][-2:] for request in up.requests] == ["00", "01"]


@pytest.mark.parametrize("given", ["", "00-0-0-01", f"ff{TRACEPARENT[2:]}", TRACEPARENT.replace("4bf9", "XXXX")])
async def test_a_traceparent_that_is_none_starts_a_new_trace(collector: Collector, given: str) -> None:
    """A header that breaks the standard is left aside."""
    async with upstream() as up, serving(up, environment=os.environ) as app:
        async with app.post(CHAT, headers={"traceparent": given}) as response:
            await response.read()
        await until(lambda: len(collector.spans) == 2)
    assert collector.span(SERVER).parent_span_id == b""
    assert up.requests[0].headers["traceparent"].split("-")[1] == collector.span(SERVER).trace_id.hex()


@pytest.mark.alone
async def test_a_collector_that_does_not_answer_is_not_waited_for(collector: Collector) -> None:
    """Streams run on while the collector hangs, and the app still ends in its time."""
    collector.answering.clear()
    async with upstream(paced(10, 0.01)) as up:
        async with serving(up, environment=os.environ) as app:
            for _ in range(3):
                async with app.post(STREAM) as response:
                    start = time.monotonic()
                    await response.read()
                    assert time.monotonic() - start < 5  # the exporter itself would wait for 10
            await until(lambda: collector.asked)
            stopping = time.monotonic()
        assert time.monotonic() - stopping < 8  # 2 that telemetry has, and much for a slow machine


async def test_without_an_endpoint_nothing_is_traced() -> None:
    """By default no header goes to the backend, whatever the caller sent."""
    async with upstream() as up, serving(up) as app:
        async with app.post(CHAT, headers={"traceparent": TRACEPARENT}) as response:
            await response.read()
        assert "traceparent" not in up.requests[0].headers


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x", "OTEL_SDK_DISABLED": "true"},
        {
            "OTEL_EXPORTER_OTLP_ENDPOINT": "http://x",
            "OTEL_TRACES_EXPORTER": "none",
            "OTEL_METRICS_EXPORTER": "none",
        },
    ],
)
def test_the_switches_of_the_standard_are_followed(environment: dict[str, str]) -> None:
    """No endpoint, or a switch that says no, means that nothing is started."""
    assert export.start(environment, None, "r1") is None  # type: ignore[arg-type]


def test_a_protocol_that_is_not_spoken_is_told() -> None:
    """An operator who asks for gRPC hears it at start, not by a silent collector."""
    environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}
    with pytest.raises(TelemetryError, match="http/protobuf"):
        export.start(environment, None, "r1")  # type: ignore[arg-type]


def test_the_sdk_is_not_imported_for_nothing() -> None:
    """Without an endpoint the app starts without the SDK."""
    code = "import sys, app.main; print([name for name in sys.modules if name.startswith('opentelemetry.sdk')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
