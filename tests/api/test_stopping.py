"""How the app comes to rest: not ready at once, running answers finish, what cannot finish is told so, and nothing waits for nothing."""

from __future__ import annotations

import asyncio
import json
import signal
import time
from typing import Any

import aiohttp
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from app.api.lifecycle import QUIET_S, Lifecycle
from tests.api.process import running_app
from tests.api.serving import CHAT, MESSAGES, STREAM, App, routes_to, serving, settled, until
from tests.api.upstream import Exchange, begun_then, held, paced, silence, upstream
from tests.clock import Clock


def stop(app: App) -> None:
    """What a signal does, without the signal."""
    app.server.handle_exit(signal.SIGTERM, None)


async def test_readiness_ends_at_once_and_running_streams_finish() -> None:
    """From the signal on readiness is 503 while a stream goes on to its end, and new requests are still served."""
    asked_again = asyncio.Event()

    async def held_at_first(exchange: Exchange) -> None:
        rest = paced(1, 0, head=False)
        await begun_then(held(asked_again, rest) if len(up.requests) == 1 else rest)(exchange)

    async with upstream(held_at_first) as up, serving(up) as app, app.post(STREAM) as response:
        stop(app)
        async with app.get("/health/ready") as ready:
            assert ready.status == 503
            assert await ready.json() == {"status": "draining"}
        async with app.post(STREAM) as another:
            assert another.status == 200
            assert another.headers["connection"] == "close"
            assert (await another.read()).endswith(b"data: [DONE]\n\n")
        asked_again.set()
        assert (await response.read()).endswith(b"data: [DONE]\n\n")


async def test_beyond_the_limit_a_stream_ends_with_an_error_event() -> None:
    """A stream that does not finish in time ends with an error event, and the backend is let go."""
    async with (
        upstream(begun_then(silence)) as up,
        serving(up, environment={"TRIMARAN_DRAIN_S": "0.3"}) as app,
        app.post(STREAM) as response,
    ):
        stop(app)
        raw = await response.read()
        assert raw.endswith(b'"type":"server_error","param":null,"code":"cut"}}\n\n')
        assert b"[DONE]" not in raw
        await until(lambda: up.left_at)


async def test_beyond_the_limit_a_whole_answer_is_a_503() -> None:
    """A caller who waits for a whole answer that cannot finish gets a status on which clients try again elsewhere."""
    async with upstream(silence) as up, serving(up, environment={"TRIMARAN_DRAIN_S": "0.3"}) as app:
        asking = asyncio.create_task(app.client.post("/v1/chat/completions", json=CHAT))
        await until(lambda: up.requests)
        stop(app)
        response = await asking
        assert response.status == 503
        assert (await response.json())["error"]["code"] == "cut"


async def test_requests_that_could_not_finish_are_refused(clock: Clock) -> None:
    """In the second half of the draining time a new request is refused with Retry-After, while what runs goes on."""
    async with (
        upstream(begun_then(silence)) as up,
        serving(up, environment={"TRIMARAN_DRAIN_S": "10"}) as app,
        app.post(STREAM) as running,
    ):
        stop(app)
        with clock.standing():
            for seconds in (0.1, 7.5):  # the server looks for its end, and then waits
                clock.go_on(seconds)
                await settled()
            async with app.post(CHAT) as refused:
                assert refused.status == 503
                assert refused.headers["retry-after"] == "1"
            clock.go_on(3)
            assert b'"code":"cut"' in await running.read()


async def test_an_idle_socket_is_closed_as_going_away() -> None:
    """A WebSocket without a running answer is closed with 1001 as soon as the app stops."""
    async with (
        upstream() as up,
        serving(up) as app,
        connect(f"ws://127.0.0.1:{app.port}/v1/chat/socket") as socket,
    ):
        await socket.recv()
        stop(app)
        await socket.wait_closed()
        assert socket.close_code == 1001


async def test_a_socket_is_closed_after_its_answer() -> None:
    """A WebSocket whose answer runs is closed with 1001 when the answer is complete."""
    said: list[Any] = []
    stopping = asyncio.Event()
    async with (
        upstream(held(stopping, paced(10, 0))) as up,
        serving(up) as app,
        connect(f"ws://127.0.0.1:{app.port}/v1/chat/socket") as socket,
    ):
        await socket.send(json.dumps({"type": "chat", "id": "1", "messages": MESSAGES}))
        await until(lambda: up.requests)
        stop(app)
        await until(lambda: app.lifecycle.draining)
        stopping.set()
        try:
            while True:
                said.append(json.loads(await socket.recv()))
        except ConnectionClosed:
            assert socket.close_code == 1001
    assert said[-1]["type"] == "end"
    assert said[-1]["finish_reason"] == "stop"


async def test_nothing_running_means_no_waiting(clock: Clock) -> None:
    """With nothing under way and no traffic, draining returns at once: no time has to pass."""
    with clock.standing():
        await Lifecycle().drain(30, lambda: False)


async def test_traffic_that_still_comes_is_waited_for(clock: Clock) -> None:
    """When a request came a moment ago a load balancer may send more: listening goes on until it is quiet."""

    class Work:
        record: Any = None

        def stop(self, why: Exception) -> None:
            raise AssertionError(why)

    lifecycle, work = Lifecycle(), Work()
    with clock.standing():
        lifecycle.begin(work)
        lifecycle.end(work)
        draining = asyncio.create_task(lifecycle.drain(30, lambda: False))
        await settled()
        clock.go_on(0.9 * QUIET_S)
        await settled()
        assert not draining.done()
        clock.go_on(0.2 * QUIET_S)
        await draining


@pytest.mark.alone
async def test_sigterm_ends_the_idle_process_quickly_and_well() -> None:
    """An app that does nothing ends within a second of SIGTERM (five on a slow machine; draining is 30), with status 0 and its last log line written."""
    async with upstream() as up, running_app(routes_to(up)) as process:
        start = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0
        assert time.monotonic() - start < 5.0
        assert "stopping" in process.log[-1]["message"]


@pytest.mark.alone
async def test_a_second_signal_ends_the_process_at_once() -> None:
    """The first signal lets a running stream go on, the second does not wait for it."""
    async with (
        upstream(begun_then(silence)) as up,
        running_app(routes_to(up)) as process,
        aiohttp.ClientSession() as client,
        client.post(f"{process.url}/v1/chat/completions", json=STREAM) as response,
    ):
        await response.content.readany()
        process.send_signal(signal.SIGTERM)
        await asyncio.sleep(0.3)
        assert process.returncode is None
        start = time.monotonic()
        process.send_signal(signal.SIGTERM)
        await process.wait()
        assert time.monotonic() - start < 5.0  # and not the 30 of draining
