"""Server-sent events: when the status is committed, what an ending looks like, and what a slow reader costs."""

from __future__ import annotations

import asyncio
import time

import pytest

from app.api.completions import Timing
from tests.api.serving import CHAT, STREAM, serving, until
from tests.api.upstream import Exchange, Script, begun_then, chunk, complete, cut, paced, silence, upstream

QUICK = Timing(commit_after_s=0.1, heartbeat_s=0.05)


def late(seconds: float, then: Script) -> Script:
    async def play(exchange: Exchange) -> None:
        await asyncio.sleep(seconds)
        await then(exchange)

    return play


async def failing(exchange: Exchange) -> None:
    await exchange.json({"error": {"message": "overloaded"}}, status=503)


async def hanging_up(exchange: Exchange) -> None:
    """Breaks off, whether before the head or after."""


async def test_a_complete_stream_ends_with_its_summary_and_done() -> None:
    """The caller gets the backend's events as they were, then one comment with what is known only now, then [DONE]."""
    async with upstream() as up, serving(up) as app, app.post(STREAM) as response:
        raw = await response.read()
    assert raw.startswith(chunk("a") + chunk("b") + chunk("", "stop") + b": trimaran {")
    assert raw.endswith(b'"tokens_in":7,"tokens_out":2,"estimated":false,"cost_usd":"0.000034"}\n\ndata: [DONE]\n\n')


async def test_the_summary_tells_what_answered_in_place_of_the_routes_own() -> None:
    """A stream whose status went out while nobody had answered cannot say so in a header."""
    async with (
        upstream(late(0.3, failing)) as up,
        upstream() as small,
        serving(up, last_resort=small, timing=QUICK) as app,
        app.post(STREAM) as response,
    ):
        raw = await response.read()
    assert "x-trimaran-degraded" not in response.headers
    assert b'"degraded":"up1"' in raw.rpartition(b": trimaran ")[2]


async def test_a_stream_tells_proxies_not_to_hold_it_back() -> None:
    """The headers of a stream forbid buffering, caching and recoding."""
    async with upstream() as up, serving(up) as app, app.post(STREAM) as response:
        assert response.content_type == "text/event-stream"
        assert response.headers["x-accel-buffering"] == "no"
        assert response.headers["cache-control"] == "no-cache, no-transform"


async def test_a_failure_before_the_first_content_has_its_own_status() -> None:
    """Nothing is committed while no content has come, so a backend's refusal is a real HTTP error."""
    async with upstream(failing) as up, serving(up) as app, app.post(STREAM) as response:
        assert response.status == 503
        assert (await response.json())["error"]["code"] == "busy"
        assert response.headers["x-should-retry"] == "false"


async def test_a_long_silence_commits_the_status_and_brings_heartbeats() -> None:
    """After the commit time the status is 200 and comments keep the connection open until content comes."""
    async with upstream(late(0.35, complete)) as up, serving(up, timing=QUICK) as app:
        start = time.monotonic()
        async with app.post(STREAM) as response:
            committed_s = time.monotonic() - start
            raw = await response.read()
    assert 0.1 <= committed_s < 0.3
    assert raw.startswith(b": ping\n\n: ping\n\n")
    assert raw.endswith(b"data: [DONE]\n\n")


async def test_a_silence_in_the_middle_brings_heartbeats_too() -> None:
    """A committed stream on which nothing moves sends comments, between two whole events."""
    script = begun_then(late(0.2, paced(1, 0, head=False)))
    async with upstream(script) as up, serving(up, timing=QUICK) as app, app.post(STREAM) as response:
        raw = await response.read()
    assert chunk("a") + b": ping\n\n" in raw
    assert b": ping\n\n" + chunk("x") in raw


async def test_a_quick_stream_has_no_heartbeats() -> None:
    """While content moves no comment is sent."""
    async with upstream(paced(10, 0.02)) as up, serving(up, timing=QUICK) as app, app.post(STREAM) as response:
        assert b": ping" not in await response.read()


async def test_a_failure_after_a_committed_silence_is_an_event() -> None:
    """Once heartbeats went out, a backend's refusal can only be an error event, and no [DONE] follows."""
    async with upstream(late(0.2, failing)) as up, serving(up, timing=QUICK) as app, app.post(STREAM) as response:
        assert response.status == 200
        raw = await response.read()
    assert b'data: {"error":{"message":' in raw
    assert b"[DONE]" not in raw


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/chat"])
async def test_a_cut_in_the_middle_is_an_error_event_without_done(path: str) -> None:
    """An answer that is not complete ends with an error event: clients take a bare end for a complete answer."""
    async with upstream(begun_then(cut)) as up, serving(up) as app, app.post(STREAM, path) as response:
        raw = await response.read()
    assert raw.rstrip().rpartition(b"\n\n")[2].startswith(b'data: {"error":{"message":"backend \'up0\'')
    assert b'"code":"cut"' in raw
    assert b"[DONE]" not in raw


async def test_a_defect_of_ours_in_the_middle_is_an_error_event(monkeypatch: pytest.MonkeyPatch) -> None:
    """Even what should never happen ends a stream with an error event, not with a bare cut."""
    monkeypatch.setattr("app.api.completions._summary", lambda reply: reply.no_such_thing)
    async with upstream() as up, serving(up) as app, app.post(STREAM) as response:
        raw = await response.read()
    assert raw.endswith(b'"type":"server_error","param":null,"code":null}}\n\n')


@pytest.mark.parametrize("script", [begun_then(silence), silence], ids=["streaming", "before the first content"])
@pytest.mark.parametrize("body", [STREAM, CHAT], ids=["stream", "whole"])
async def test_the_backend_stops_when_the_caller_leaves(script: Script, body: dict[str, object]) -> None:
    """The backend's connection is closed within 100 ms of the caller's leaving, at any point, streaming or not."""
    async with upstream(script) as up, serving(up) as app:
        asking = asyncio.create_task(app.client.post("/v1/chat/completions", json=body))
        await until(lambda: up.requests and app.lifecycle.running)
        await asyncio.sleep(0.05)
        asking.cancel() if not asking.done() else asking.result().close()
        left_at = time.monotonic()
        await until(lambda: up.left_at)
        assert up.left_at[0] - left_at < 0.1
        await until(lambda: not app.lifecycle.running)
        requests = await app.metric("trimaran_requests_total")
    assert 'outcome="client_gone"' in next(iter(requests))


async def test_a_slow_reader_slows_the_backend_down() -> None:
    """Of an answer of 64 MB that nobody reads, only what sockets and buffers hold is taken from the backend."""
    sent = 0

    async def endless(exchange: Exchange) -> None:
        nonlocal sent
        await exchange.head()
        event = chunk("x" * 65_000)
        for _ in range(1000):
            await exchange.send(event)
            sent += len(event)

    async with upstream(endless) as up, serving(up) as app:
        reader, writer = await asyncio.open_connection("127.0.0.1", app.port, limit=2**16)
        request = b'{"stream": true, "messages": [{"role": "user", "content": "hi"}]}'
        writer.write(
            b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n" % len(request) + request
        )
        await until(lambda: sent)
        await asyncio.sleep(0.5)
        held = sent
        await asyncio.sleep(0.3)
        assert sent == held
        assert sent < 24 * 2**20
        assert (await reader.read(9)) == b"HTTP/1.1 "
        writer.close()


async def test_a_slow_reader_is_not_blamed_on_the_backend() -> None:
    """A reader who pauses longer than the limit between tokens still gets the whole answer."""
    script = paced(500, 0, size=60_000)
    async with upstream(script) as up, serving(up, limits="{between_tokens_s: 0.3}") as app:
        async with app.post(STREAM, read_bufsize=2**14) as response:
            await response.content.readany()
            await asyncio.sleep(1.0)
            raw = await response.read()
        errors = await app.metric("trimaran_errors_total")
    assert raw.endswith(b"data: [DONE]\n\n")
    assert errors == {}
