"""What a connection may cost: the size and the time of a request's head and body, and a reader that takes nothing."""

from __future__ import annotations

import pytest

from app.api import exchange
from app.api.completions import Timing
from app.api.connection import Connection
from tests.api.raw import HEAD, wired
from tests.api.serving import serving, settled, until
from tests.api.upstream import paced, upstream
from tests.clock import Clock


async def test_a_head_over_the_limit_is_refused_while_it_comes() -> None:
    """A head without an end is refused with 431 once it is over 64 KiB, and not collected."""
    async with upstream() as up, serving(up) as app, wired(app) as wire:
        await wire.send(HEAD + b"x-padding: " + b"x" * 66_000)
        assert (await wire.rest()).startswith(b"HTTP/1.1 431 Request Header Fields Too Large\r\n")


async def test_a_whole_head_over_the_limit_is_refused() -> None:
    """A head over 64 KiB that arrives with its end is refused all the same, and one below is not."""
    async with upstream() as up, serving(up) as app:
        for size, status in ((66_000, b"HTTP/1.1 431 "), (60_000, b"HTTP/1.1 404 ")):
            async with wired(app) as wire:
                head = b"GET /no-such HTTP/1.1\r\nconnection: close\r\nx-padding: " + b"x" * size + b"\r\n\r\n"
                await wire.send(head)
                assert (await wire.rest()).startswith(status)


async def test_what_is_not_http_is_refused_in_the_error_shape() -> None:
    """Bytes that are no HTTP request get a 400 with the usual error body."""
    async with upstream() as up, serving(up) as app, wired(app) as wire:
        await wire.send(b"\x16\x03\x01 hello\r\n\r\n")
        raw = await wire.rest()
    assert raw.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert b'{"error":{"message":"invalid HTTP request' in raw


@pytest.mark.parametrize("begin", [HEAD, b""], ids=["half a head", "nothing"])
async def test_a_head_that_does_not_come_is_not_waited_for(begin: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that sends nothing, or half a head, is closed; half a head gets 408."""
    monkeypatch.setattr(Connection, "head_s", 0.2)
    async with upstream() as up, serving(up) as app, wired(app) as wire:
        await wire.send(begin)
        raw = await wire.rest()
    assert raw.startswith(b"HTTP/1.1 408 Request Timeout\r\n") if begin else raw == b""


async def test_a_later_head_that_trickles_is_not_waited_for(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a kept connection the time runs from the next request's first byte."""
    monkeypatch.setattr(Connection, "head_s", 2)
    async with upstream() as up, serving(up) as app, wired(app) as wire:
        with clock.standing():
            await wire.send(b"GET /health/live HTTP/1.1\r\nhost: localhost\r\n\r\n")
            assert (await wire.piece()).startswith(b"HTTP/1.1 200 ")
            clock.go_on(3)
            await settled()
            await wire.send(b"GET /health/")
            await settled()
            clock.go_on(2)
            assert b"HTTP/1.1 408 " in await wire.rest()


async def test_a_body_that_trickles_is_refused(clock: Clock) -> None:
    """A body that comes more slowly than anybody's line gets 408 when its time is over, and its connection ends."""
    async with upstream() as up, serving(up, timing=Timing(body_s=10)) as app, wired(app) as wire:
        with clock.standing():
            await wire.send(HEAD + b"content-length: 1000\r\n\r\n{")
            await until(lambda: app.lifecycle.running)
            for _ in range(9):
                await wire.send(b" ")
                await settled()
                clock.go_on(1)
            await settled()
            assert app.lifecycle.running
            clock.go_on(2)
            raw = await wire.rest()
    assert raw.startswith(b"HTTP/1.1 408 ")
    assert b"connection: close" in raw


async def test_a_large_body_may_take_its_time(clock: Clock) -> None:
    """Each 32 KiB buy another second, so a slow line can send a large body."""
    async with upstream() as up, serving(up, timing=Timing(body_s=1)) as app, wired(app) as wire:
        with clock.standing():
            body = b'{"messages": [{"role": "user", "content": "' + b"x" * 100_000 + b'"}]}'
            await wire.send(HEAD + b"connection: close\r\ncontent-length: %d\r\n\r\n" % len(body) + body[:65_000])
            await settled()
            clock.go_on(2.5)
            await settled()
            await wire.send(body[65_000:])
            assert (await wire.rest()).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("declared", [True, False], ids=["content-length", "chunked"])
async def test_a_body_over_the_limit_is_refused(declared: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """A body over the limit gets 413, however it says its length, and the answer reaches a caller who is still sending."""
    monkeypatch.setattr(exchange, "MAX_BODY_BYTES", 2**20)
    body = b"x" * (2**20 + 1)
    async with upstream() as up, serving(up) as app, wired(app) as wire:
        if declared:
            await wire.send(HEAD + b"content-length: %d\r\n\r\n" % len(body) + body)
        else:
            await wire.send(HEAD + b"transfer-encoding: chunked\r\n\r\n%x\r\n" % len(body) + body + b"\r\n0\r\n\r\n")
        assert (await wire.rest()).startswith(b"HTTP/1.1 413 ")


async def test_a_body_without_end_is_not_read_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a body that goes on and on, twice the limit is read."""
    monkeypatch.setattr(exchange, "MAX_BODY_BYTES", 2**20)
    async with upstream() as up, serving(up) as app, wired(app) as wire:
        await wire.send(HEAD + b"content-length: 1000000000\r\n\r\n")
        with pytest.raises(ConnectionError):
            await wire.send_again_and_again(b"x" * 2**20)


async def test_a_reader_that_takes_nothing_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    """A caller who stays connected but never reads loses the connection, and the backend is let go."""
    monkeypatch.setattr(Connection, "stalled_reader_s", 1.0)
    body = b'{"stream": true, "messages": [{"role": "user", "content": "hi"}]}'
    async with upstream(paced(100_000, 0, size=60_000)) as up, serving(up) as app, wired(app) as wire:
        wire._reader._transport.pause_reading()  # type: ignore[attr-defined]
        await wire.send(HEAD + b"content-length: %d\r\n\r\n" % len(body) + body)
        await until(lambda: app.lifecycle.running)
        await until(lambda: not app.lifecycle.running)
        await until(lambda: up.left_at)


async def test_head_and_body_of_an_answer_arrive_together() -> None:
    """One write each: a caller would wake up for the head alone."""
    async with upstream() as up, serving(up) as app, wired(app) as wire:
        for _ in range(20):
            await wire.send(b"GET /health/live HTTP/1.1\r\nhost: localhost\r\n\r\n")
            piece = await wire.piece()
            assert piece.startswith(b"HTTP/1.1 200 OK\r\n")
            assert piece.endswith(b"}")
