"""A caller's leaving is noticed while its answer is made: by the connection itself, and under another server by what ASGI has."""

from __future__ import annotations

import asyncio
import gc
from typing import Any

import aiohttp
import pytest

from app.api.exchange import Exchange
from app.api.heartbeat import Heartbeat
from app.api.leaving import LEAVING, Leaving, Watch, watched
from app.api.requests import Request
from app.logic.reply import Reply
from app.logic.transcript import Transcript
from tests.api.serving import STREAM, serving, settled, until
from tests.api.upstream import begun_then, silence, upstream
from tests.clock import Clock


async def test_a_caller_with_a_long_body_is_seen_to_leave() -> None:
    """Reading is paused while a long body waits to be taken; a paused connection would not notice its end."""
    async with upstream(silence) as up, serving(up) as app:
        body = {"messages": [{"role": "user", "content": "x" * 300_000}]}
        asking = asyncio.create_task(app.client.post("/v1/chat/completions", json=body))
        await until(lambda: up.requests)
        await asyncio.sleep(0.05)
        asking.cancel()
        await until(lambda: up.left_at)


async def test_an_answer_that_was_left_is_not_kept() -> None:
    """Nothing refers to it in a circle: its body and what was shown would stay until Python looks for circles."""
    gc.collect()
    gc.disable()
    before = kept()  # of the tests before
    try:
        async with upstream(begun_then(silence)) as up, serving(up) as app, aiohttp.ClientSession(app.url) as client:
            async with client.post("/v1/chat/completions", json=STREAM) as response:
                await response.content.readany()
                assert kept() > before
                response.close()
            await until(lambda: not app.lifecycle.running)
            await settled()
            assert kept() <= before
    finally:
        gc.enable()


def kept() -> int:
    """How many of the objects of a request there are."""
    return sum(isinstance(one, (Request, Reply, Transcript, Exchange, Heartbeat)) for one in gc.get_objects())


async def test_several_requests_on_one_connection_are_all_told() -> None:
    """A caller may send the next before it has the answer to the first."""
    async with upstream(silence) as up, serving(up) as app:
        _, writer = await asyncio.open_connection("127.0.0.1", app.port)
        body = b'{"messages": [{"role": "user", "content": "hi"}]}'
        head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-length: %d\r\n\r\n" % len(body)
        writer.write((head + body) * 2)
        await until(lambda: up.requests)
        await asyncio.sleep(0.05)
        writer.close()
        await until(lambda: not app.lifecycle.running)


def test_a_connection_reads_on_and_tells_once() -> None:
    """Those who watch, and nobody else."""
    told: list[str] = []
    leaving = Leaving(lambda: told.append("resumed"))
    with Watch(leaving, lambda: told.append("first")):
        pass
    with Watch(leaving, lambda: told.append("second")):
        leaving.gone()
    assert told == ["resumed", "resumed", "second"]


def test_who_watches_too_late_is_told_at_once() -> None:
    """The caller left between the body and the answer."""
    told: list[str] = []
    leaving = Leaving(lambda: None)
    leaving.gone()
    with Watch(leaving, lambda: told.append("gone")):
        assert told == ["gone"]


@pytest.mark.parametrize("leaves", [True, False])
async def test_under_another_server_the_messages_tell(leaves: bool) -> None:
    """A scope that our server did not make has no Leaving."""
    messages: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    messages.put_nowait({"type": "http.request"})
    told: list[str] = []
    with Watch(watched({}, messages.get), lambda: told.append("gone")):
        if leaves:
            messages.put_nowait({"type": "http.disconnect"})
        await settled()
    assert told == (["gone"] if leaves else [])


def test_our_own_server_puts_it_into_the_scope() -> None:
    """It is the connection's own."""
    leaving = Leaving(lambda: None)

    async def never() -> dict[str, Any]:
        raise AssertionError

    assert watched({LEAVING: leaving}, never) is leaving


async def test_a_touch_brings_the_next_beat_forward(clock: Clock) -> None:
    """The first may be far away; once something moved the shorter time counts."""
    beats = 0

    async def beat() -> None:
        nonlocal beats
        beats += 1

    with clock.standing():
        heartbeat = Heartbeat(beat, 10, 1)
        heartbeat.touch()
        for seconds, expected in ((0.9, 0), (0.1, 1), (0.9, 1), (0.1, 2)):
            clock.go_on(seconds)
            await settled()
            assert beats == expected
        heartbeat.stop()


async def test_a_beat_on_its_way_goes_out_whole() -> None:
    """Half a message must not be followed by the end of the answer."""
    begun, reader, whole = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def beat() -> None:
        begun.set()
        await reader.wait()
        whole.set()

    heartbeat = Heartbeat(beat, 0.01, 10)
    await begun.wait()
    resting = asyncio.create_task(heartbeat.rest())
    await settled()
    assert not resting.done()
    reader.set()
    await resting
    assert whole.is_set()
