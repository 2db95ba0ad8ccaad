"""Many callers who hold what they can and give nothing: slow readers, idle connections, WebSockets. The app's memory is back when they are gone."""

from __future__ import annotations

import asyncio
import contextlib
import resource
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from websockets.asyncio.client import connect

from tests.api.process import Process, running_app
from tests.api.serving import CHAT, routes_to
from tests.api.upstream import Exchange, complete, paced, silence, upstream

SLOW_READERS, IDLE, SOCKETS = 1000, 2000, 200
BACK_WITHIN_S = 10
BODY = b'{"stream": true, "messages": [{"role": "user", "content": "hi"}]}'
ASK = b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-length: %d\r\n\r\n" % len(BODY) + BODY


async def endless(exchange: Exchange) -> None:
    """A stream that has more at once than anybody's buffers hold, and then no end; or a short answer."""
    if exchange.streams:
        await paced(60, 0, size=30_000)(exchange)
        await silence(exchange)
    await complete(exchange)


@pytest.fixture
def _many_files() -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(before[0], min(before[1], 16_384)), before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


@asynccontextmanager
async def slow_readers(app: Process) -> AsyncIterator[None]:
    """Each asks for a stream and reads nothing of it."""
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(SLOW_READERS):
            caller = socket.socket()
            stack.callback(caller.close)
            caller.setblocking(False)
            await asyncio.get_running_loop().sock_connect(caller, ("127.0.0.1", app.port))
            await asyncio.get_running_loop().sock_sendall(caller, ASK)
        await asyncio.sleep(15)
        yield


@asynccontextmanager
async def idle_connections(app: Process) -> AsyncIterator[None]:
    """Each has been answered, with a refusal of a body of 60 kB, and stays."""
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(IDLE):
            reader, writer = await asyncio.open_connection("127.0.0.1", app.port)
            stack.callback(writer.transport.abort)
            writer.write(b"POST /nowhere HTTP/1.1\r\nhost: localhost\r\ncontent-length: 60000\r\n\r\n" + b" " * 60_000)
            await reader.read(4096)
        yield


@asynccontextmanager
async def sockets(app: Process) -> AsyncIterator[None]:
    """Each has begun a message of a megabyte, and does not end it."""
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(SOCKETS):
            talking = await stack.enter_async_context(
                connect(f"ws://127.0.0.1:{app.port}/v1/chat/socket", compression=None, close_timeout=0)
            )
            await talking.recv()
            talking.transport.write(b"\x81\xff" + (2**20).to_bytes(8, "big") + bytes(4) + b" " * 1_000_000)
        await asyncio.sleep(2)
        yield


def resident_mib(app: Process) -> float:
    status = Path(f"/proc/{app.pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


async def ask(app: Process, count: int, at_once: int) -> None:
    async with aiohttp.ClientSession(app.url, connector=aiohttp.TCPConnector(limit=at_once)) as client:

        async def one() -> None:
            async with client.post("/v1/chat/completions", json=CHAT) as response:
                assert response.status == 200
                await response.read()

        await asyncio.gather(*(one() for _ in range(count)))


@pytest.mark.long  # a thousand streams take a while to fill their buffers
@pytest.mark.alone
@pytest.mark.usefixtures("_many_files")
@pytest.mark.parametrize("crowd", [slow_readers, idle_connections, sockets], ids=lambda crowd: crowd.__name__)
async def test_memory_is_back_when_a_crowd_has_gone(
    crowd: Callable[[Process], AbstractAsyncContextManager[None]],
) -> None:
    """Within 10 s and a tenth; other callers are answered while the crowd is there."""
    async with upstream(endless) as up:
        limits = "{connect_s: 30, first_token_s: 60, between_tokens_s: 60}"
        routes = routes_to(up, limits=limits).replace("mock-1,", f"mock-1, max_running: {2 * SLOW_READERS},")
        async with running_app(routes) as app:
            await ask(
                app, 2000, SLOW_READERS
            )  # what a crowd of ordinary callers makes the app load, and keep ready, stays
            await asyncio.sleep(3)
            before = resident_mib(app)
            async with crowd(app):
                crowded = resident_mib(app)
                await ask(app, 20, 1)
            gone_at = time.monotonic()
            while (after := resident_mib(app)) > 1.1 * before and time.monotonic() < gone_at + BACK_WITHIN_S:
                await asyncio.sleep(0.25)
            assert after <= 1.1 * before, f"{before:.0f} MiB before, {crowded:.0f} with the crowd, {after:.0f} after it"
