"""The way to a provider, on real sockets: what each fault does to a request, and to an answer that is under way."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web
from yarl import URL

from delivery.drill import door as doors
from delivery.drill.door import Door
from delivery.drill.faults import FAULTS
from tests.clock import PATIENCE_S

PARTS = [f"data: part {n}\n\n".encode() for n in range(6)]
SHORT_S = 0.3  # in which a packet that is answered on this machine is answered


class Provider:
    """Streams its parts one by one as it is ``told``, and remembers what it got."""

    def __init__(self) -> None:
        self.told = asyncio.Semaphore(0)
        self.got: list[tuple[str, dict[str, str], bytes]] = []

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.got.append((request.raw_path, dict(request.headers), await request.read()))
        response = web.StreamResponse(headers={"content-type": "text/event-stream", "x-theirs": "yes"})
        await response.prepare(request)
        for part in PARTS:
            await self.told.acquire()
            await response.write(part)
        return response


@asynccontextmanager
async def between() -> AsyncIterator[tuple[Provider, Door, aiohttp.ClientSession]]:
    provider = Provider()
    application = web.Application()
    application.router.add_post("/{path:.*}", provider.answer)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    assert site._server is not None
    port = site._server.sockets[0].getsockname()[1]  # type: ignore[attr-defined]
    try:
        async with (
            asyncio.timeout(PATIENCE_S),
            Door(f"http://127.0.0.1:{port}/v1") as door,
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None)) as http,
        ):
            yield provider, door, http
    finally:
        await runner.cleanup()


def let_all(provider: Provider, count: int = len(PARTS)) -> None:
    for _ in range(count):
        provider.told.release()


async def read_into(got: list[bytes], answer: aiohttp.ClientResponse) -> None:
    while part := await answer.content.readany():
        got.append(part)


async def test_an_open_door_passes_everything_as_it_is() -> None:
    """Path, query, headers and body one way, status, headers and body the other."""
    async with between() as (provider, door, http):
        let_all(provider)
        async with http.post(
            URL(f"{door.url}/chat%20x?a=%2F", encoded=True), data=b"{}", headers={"x-ours": "1"}
        ) as answer:
            assert await answer.read() == b"".join(PARTS)
            assert answer.headers["x-theirs"] == "yes"
    [(path, headers, body)] = provider.got

    assert path == "/v1/chat%20x?a=%2F"
    assert (headers["x-ours"], body) == ("1", b"{}")


async def test_refused_is_a_refusal_and_a_reset_of_what_was_open() -> None:
    """And the door opens again at the same address."""
    async with between() as (provider, door, http):
        let_all(provider, 1)
        async with http.post(door.url) as under_way:
            await door.shut(FAULTS["refused"])
            with pytest.raises(aiohttp.ClientError):
                await under_way.read()
        with pytest.raises(aiohttp.ClientConnectorError) as refused:
            await http.post(door.url)
        assert refused.value.os_error.errno == errno.ECONNREFUSED
        await door.open()
        let_all(provider)
        async with http.post(door.url) as answer:
            assert answer.status == 200


async def test_nothing_comes_out_of_the_black_hole() -> None:
    """Neither on a new connection nor on one that was there."""
    async with between() as (provider, door, http):
        let_all(provider, 1)
        async with http.post(door.url) as under_way:
            await door.shut(FAULTS["black-hole"])
            let_all(provider)
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(under_way.read(), SHORT_S)
        with pytest.raises(TimeoutError):
            await http.post(door.url, timeout=aiohttp.ClientTimeout(sock_connect=SHORT_S))
        await door.open()
        async with http.post(door.url) as answer:
            assert answer.status == 200


@pytest.mark.parametrize(("name", "status"), [("rate-limited", 429), ("server-error", 500)])
async def test_an_error_is_answered_in_the_providers_place(name: str, status: int) -> None:
    """The provider hears nothing of it."""
    async with between() as (provider, door, http):
        await door.shut(FAULTS[name])
        async with http.post(door.url) as answer:
            assert answer.status == status
            assert "error" in await answer.json()
        assert provider.got == []


async def test_a_slow_answer_begins_and_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its status comes at once, its content late, and all of it."""
    late = asyncio.Event()

    async def sleep(_: float) -> None:
        await late.wait()

    async with between() as (provider, door, http):
        monkeypatch.setattr(doors, "sleep", sleep)
        await door.shut(FAULTS["slow"])
        let_all(provider)
        async with http.post(door.url) as answer:
            assert answer.status == 200
            late.set()
            assert await answer.read() == b"".join(PARTS)


async def test_a_cut_answer_is_never_whole() -> None:
    """Some of it comes, then a reset: an answer that is small enough for one read, too."""
    async with between() as (provider, door, http):
        await door.shut(FAULTS["cut"])
        let_all(provider)
        got: list[bytes] = []
        async with http.post(door.url) as answer:
            with pytest.raises(aiohttp.ClientError):
                await read_into(got, answer)

    assert b"".join(got) != b"".join(PARTS)
    assert b"".join(PARTS).startswith(b"".join(got))


async def test_a_stalled_answer_stops_and_its_connection_stays() -> None:
    """Until the fault is over."""
    async with between() as (provider, door, http):
        let_all(provider, 1)
        async with http.post(door.url) as answer:
            await door.shut(FAULTS["stalled"])
            let_all(provider)
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(answer.read(), SHORT_S)
            await door.open()
            with pytest.raises(aiohttp.ClientError):
                await answer.read()
