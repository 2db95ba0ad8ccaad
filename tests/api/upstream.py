"""A model server on a real socket that plays a script: what the app's own HTTP is tested against."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any


def chunk(content: str, finish: str | None = None) -> bytes:
    """One event of a stream, as OpenAI writes it."""
    choice = {"index": 0, "delta": {"content": content} if content else {}, "finish_reason": finish}
    return b"data: " + json.dumps({"id": "c1", "created": 1, "model": "mock-1", "choices": [choice]}).encode() + b"\n\n"


USAGE = {"prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9}
USAGE_CHUNK = b"data: " + json.dumps({"id": "c1", "model": "mock-1", "choices": [], "usage": USAGE}).encode() + b"\n\n"
DONE = b"data: [DONE]\n\n"
WHOLE = {
    "id": "c1",
    "object": "chat.completion",
    "created": 1,
    "model": "mock-1",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "ab"}, "finish_reason": "stop"}],
    "usage": USAGE,
}


class Exchange:
    """One request and the connection on which it is answered."""

    def __init__(self, path: str, headers: dict[str, str], body: Any, writer: asyncio.StreamWriter) -> None:
        self.path = path
        self.headers = headers
        self.body = body
        self._writer = writer

    @property
    def streams(self) -> bool:
        return bool(self.body.get("stream"))

    async def head(self, status: int = 200, content_type: str = "text/event-stream") -> None:
        head = f"HTTP/1.1 {status} X\r\ncontent-type: {content_type}\r\nconnection: close\r\n\r\n"
        await self.send(head.encode())

    async def send(self, raw: bytes) -> None:
        self._writer.write(raw)
        await self._writer.drain()

    async def json(self, value: Any, status: int = 200) -> None:
        await self.head(status, "application/json")
        await self.send(json.dumps(value).encode())


Script = Callable[[Exchange], Awaitable[None]]


async def complete(exchange: Exchange) -> None:
    """A whole answer, "ab", streamed or not."""
    if not exchange.streams:
        await exchange.json(WHOLE)
        return
    await exchange.head()
    await exchange.send(chunk("a") + chunk("b") + chunk("", "stop") + USAGE_CHUNK + DONE)


def paced(count: int, every_s: float, size: int = 1, *, head: bool = True) -> Script:
    """A stream of ``count`` chunks of ``size`` characters, one each ``every_s``."""

    async def play(exchange: Exchange) -> None:
        if head:
            await exchange.head()
        for _ in range(count):
            await exchange.send(chunk("x" * size))
            await asyncio.sleep(every_s)
        await exchange.send(chunk("", "stop") + USAGE_CHUNK + DONE)

    return play


def begun_then(rest: Script) -> Script:
    """A stream that has shown "a", and then whatever ``rest`` does."""

    async def play(exchange: Exchange) -> None:
        await exchange.head()
        await exchange.send(chunk("a"))
        await rest(exchange)

    return play


async def silence(exchange: Exchange) -> None:
    """Nothing more, until the other side leaves."""
    del exchange
    await asyncio.Event().wait()


def held(until: asyncio.Event, then: Script) -> Script:
    """Nothing more until the test sets ``until``, and then whatever ``then`` does."""

    async def play(exchange: Exchange) -> None:
        await until.wait()
        await then(exchange)

    return play


async def cut(exchange: Exchange) -> None:
    """The connection ends here."""
    del exchange


@dataclass
class Upstream:
    """``script`` is played for each request; ``left_at`` has the time at which a connection was closed from the other side."""

    port: int = 0
    script: Script = complete
    requests: list[Exchange] = field(default_factory=list)
    left_at: list[float] = field(default_factory=list)
    running: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            headers = dict(line.lower().split(": ", 1) for line in head[1:] if line)
            body = json.loads(await reader.readexactly(int(headers["content-length"])))
            exchange = Exchange(head[0].split(" ")[1], headers, body, writer)
            self.requests.append(exchange)
            await self._play(exchange, reader)
        except (ConnectionError, asyncio.IncompleteReadError):
            self.left_at.append(time.monotonic())
        finally:
            writer.close()

    async def _play(self, exchange: Exchange, reader: asyncio.StreamReader) -> None:
        self.running += 1
        playing = asyncio.ensure_future(self.script(exchange))
        leaving = asyncio.create_task(reader.read(1))
        try:
            await asyncio.wait({playing, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if not playing.done():
                self.left_at.append(time.monotonic())
            else:
                await playing
        finally:
            self.running -= 1
            for task in (playing, leaving):
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError, ConnectionError):
                    await task


@asynccontextmanager
async def upstream(script: Script = complete) -> AsyncIterator[Upstream]:
    """An upstream on a free port."""
    serving = Upstream(script=script)
    server = await asyncio.start_server(serving.serve, "127.0.0.1", 0, limit=2**22, backlog=1024)
    serving.port = server.sockets[0].getsockname()[1]
    async with ending(server):
        yield serving


@asynccontextmanager
async def ending(server: asyncio.Server) -> AsyncIterator[None]:
    """Closes the server of an ``Upstream`` when left, and ends what it still plays."""
    try:
        yield
    finally:
        server.close()
        for task in [task for task in asyncio.all_tasks() if task.get_coro().__qualname__ == "Upstream.serve"]:  # type: ignore[union-attr]
            task.cancel()
        await asyncio.sleep(0)
