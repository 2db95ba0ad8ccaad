"""Server-sent events: when the status is committed, what an ending looks like, and what a slow reader costs."""

from __future__ import annotations

import asyncio

import pytest

from app.api.completions import Timing
from tests.api.serving import CHAT, STREAM, at_rest, serving, until
from tests.api.upstream import Exchange, Script, begun_then, chunk, complete, cut, held, paced, silence, upstream
from tests.clock import Clock

QUICK = Timing(commit_after_s=0.1, heartbeat_s=0.05)
PING = b": ping\n\n"


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
    committed = asyncio.Event()
    async with (
        upstream(held(committed, failing)) as up,
        upstream() as small,
        serving(up, last_resort=small, timing=QUICK) as app,
        app.post(STREAM) as response,
    ):
        committed.set()
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
    content = asyncio.Event()
    async with (
        upstream(held(content, complete)) as up,
        serving(up, timing=QUICK) as app,
        app.post(STREAM) as response,
    ):
        assert response.status == 200
        assert await response.content.readexactly(2 * len(PING)) == 2 * PING
        content.set()
        raw = await response.read()
    assert chunk("a") in raw
    assert raw.endswith(b"data: [DONE]\n\n")


async def test_nothing_is_committed_before_its_time(clock: Clock) -> None:
    """One moment before the commit time there is no status, and at it there is."""
    async with upstream(silence) as up, serving(up, timing=Timing(commit_after_s=20)) as app:
        with clock.standing():
            asking = asyncio.create_task(app.client.post("/v1/chat/completions", json=STREAM))
            await until(lambda: up.requests)
            clock.go_on(19.9)
            await at_rest(asking.done)
            assert not asking.done()
            clock.go_on(0.1)
            async with await asking as response:
                assert response.status == 200


async def test_a_silence_in_the_middle_brings_heartbeats_too() -> None:
    """A committed stream on which nothing moves sends comments, between two whole events."""
    more = asyncio.Event()
    script = begun_then(held(more, paced(1, 0, head=False)))
    async with upstream(script) as up, serving(up, timing=QUICK) as app, app.post(STREAM) as response:
        begun = await response.content.readuntil(PING)
        more.set()
        raw = begun + await response.read()
    assert chunk("a") + PING in raw
    assert PING + chunk("x") in raw


async def test_a_quick_stream_has_no_heartbeats(clock: Clock) -> None:
    """While content moves no comment is sent: each piece begins the time anew."""
    more: asyncio.Queue[bytes] = asyncio.Queue()

    async def piecewise(exchange: Exchange) -> None:
        await exchange.head()
        while True:
            await exchange.send(await more.get())

    timing = Timing(commit_after_s=1, heartbeat_s=1)
    async with upstream(piecewise) as up, serving(up, timing=timing) as app:
        with clock.standing():
            more.put_nowait(chunk("x"))
            async with app.post(STREAM) as response:
                for _ in range(5):
                    assert await response.content.readexactly(len(chunk("x"))) == chunk("x")
                    clock.go_on(0.9)
                    more.put_nowait(chunk("x"))
                await response.content.readexactly(len(chunk("x")))
                clock.go_on(1)
                assert await response.content.readexactly(len(PING)) == PING


async def test_a_failure_after_a_committed_silence_is_an_event() -> None:
    """Once heartbeats went out, a backend's refusal can only be an error event, and no [DONE] follows."""
    committed = asyncio.Event()
    script = held(committed, failing)
    async with upstream(script) as up, serving(up, timing=QUICK) as app, app.post(STREAM) as response:
        assert response.status == 200
        committed.set()
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
async def test_the_backend_stops_when_the_caller_leaves(script: Script, body: dict[str, object], clock: Clock) -> None:
    """The backend's connection is closed at once, not by any time-out: no time passes from the caller's leaving on."""
    async with upstream(script) as up, serving(up) as app:
        asking = asyncio.create_task(app.client.post("/v1/chat/completions", json=body))
        shown = script is not silence and body is STREAM
        await until(lambda: up.requests and app.lifecycle.running and (asking.done() or not shown))
        with clock.standing():
            asking.cancel() if not asking.done() else asking.result().close()
            await until(lambda: up.left_at and not app.lifecycle.running)
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
            b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-length: %d\r\n\r\n" % len(request)
            + request
        )
        await until(lambda: sent)
        await at_rest(lambda: sent)
        assert sent < 24 * 2**20
        assert (await reader.read(9)) == b"HTTP/1.1 "
        writer.close()


async def test_a_slow_reader_is_not_blamed_on_the_backend(clock: Clock) -> None:
    """A reader who pauses longer than the limit between tokens still gets the whole answer."""
    sent = 0

    async def plenty(exchange: Exchange) -> None:
        nonlocal sent
        await exchange.head()
        for _ in range(500):
            await exchange.send(chunk("x" * 60_000))
            sent += 1
        await exchange.send(chunk("", "stop") + b"data: [DONE]\n\n")

    async with upstream(plenty) as up, serving(up, limits="{between_tokens_s: 5}") as app:
        with clock.standing():
            async with app.post(STREAM, read_bufsize=2**14) as response:
                await response.content.readany()
                await at_rest(lambda: sent)
                assert sent < 500
                clock.go_on(20)
                await at_rest(lambda: sent)
                raw = await response.read()
        errors = await app.metric("trimaran_errors_total")
    assert raw.endswith(b"data: [DONE]\n\n")
    assert errors == {}
