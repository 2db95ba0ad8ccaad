"""A small HTTP/1.1 server on a real socket that answers by script, byte by byte where a test wants it so."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any


class Then(Enum):
    """What a server can do in place of sending on."""

    EOF = auto()  # closes the connection without an end
    RESET = auto()
    SILENCE = auto()  # holds the connection until the client closes it


Step = bytes | float | Then  # bytes to send, seconds to wait, or an end


@dataclass(frozen=True, kw_only=True)
class Reply:
    """``steps`` are sent one write each. ``endless`` is sent again and again after them, as long as the client takes it."""

    status: int = 200
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    steps: Sequence[Step] = ()
    endless: bytes = b""
    before_head: Then | None = None


def as_json(value: Any, *, status: int = 200, **headers: str) -> Reply:
    return Reply(status=status, steps=[json.dumps(value, separators=(",", ":")).encode()], headers=headers)


def as_stream(*steps: Step, content_type: str = "text/event-stream; charset=utf-8") -> Reply:
    return Reply(content_type=content_type, steps=steps)


@dataclass
class Received:
    """One request. ``connection`` counts the connections, from 1; ``raw`` is the body's bytes, which a signature covers."""

    path: str
    headers: dict[str, str]
    body: Any
    connection: int
    raw: bytes = b""


class Fake:
    """``replies`` are used up in order; the last one is used again. ``closed`` is set when a client left in the middle of an answer."""

    def __init__(self, *replies: Reply | Callable[[Received], Reply]) -> None:
        self.replies = list(replies)
        self.received: list[Received] = []
        self.sent = 0
        self.closed = asyncio.Event()
        self.connections = 0
        self.url = ""
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def aclose(self) -> None:
        assert self._server is not None
        self._server.close()
        for writer in self._writers:
            writer.transport.abort()
        await asyncio.sleep(0)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.add(writer)
        number = self.connections
        try:
            while (received := await _request(reader, number)) is not None:
                self.received.append(received)
                if not await self._answer(self._next(received), reader, writer):
                    break
        except ConnectionError:
            self.closed.set()
        finally:
            self._writers.discard(writer)
            writer.close()

    def _next(self, received: Received) -> Reply:
        reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        return reply if isinstance(reply, Reply) else reply(received)

    async def _answer(self, reply: Reply, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Plays ``reply``; false when the connection is over."""
        if reply.before_head is not None:
            return await self._end(reply.before_head, reader, writer)
        writer.write(_head(reply))
        for step in reply.steps:
            if isinstance(step, Then):
                return await self._end(step, reader, writer)
            if isinstance(step, float):
                await asyncio.sleep(step)
            else:
                await self._send(step, writer)
        while reply.endless:
            await self._send(reply.endless, writer)
        writer.write(b"0\r\n\r\n")
        await writer.drain()
        return True

    async def _send(self, part: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"%x\r\n%b\r\n" % (len(part), part))
        await writer.drain()
        self.sent += len(part)

    async def _end(self, how: Then, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        if how is Then.RESET:
            await asyncio.sleep(0.01)  # what was sent before arrives first
            writer.transport.abort()
        elif how is Then.SILENCE:
            await reader.read()
            self.closed.set()
        return False


async def _request(reader: asyncio.StreamReader, connection: int) -> Received | None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.decode().strip().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    is_form = headers.get("content-type", "").startswith("application/x-www-form-urlencoded")
    read = body.decode() if is_form else json.loads(body) if body else None
    return Received(first.split()[1], headers, read, connection, body)


def _head(reply: Reply) -> bytes:
    headers = {"content-type": reply.content_type, "transfer-encoding": "chunked", **reply.headers}
    lines = [f"HTTP/1.1 {reply.status} X", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


@contextlib.asynccontextmanager
async def serving(*replies: Reply | Callable[[Received], Reply]) -> AsyncIterator[Fake]:
    fake = Fake(*replies)
    await fake.start()
    try:
        yield fake
    finally:
        await fake.aclose()


@contextlib.contextmanager
def serving_in_thread(*replies: Reply | Callable[[Received], Reply]) -> Iterator[Fake]:
    """For clients that block: the fake runs in an event loop of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def make() -> Fake:
        fake = Fake(*replies)
        await fake.start()
        return fake

    fake = asyncio.run_coroutine_threadsafe(make(), loop).result(10)
    try:
        yield fake
    finally:
        asyncio.run_coroutine_threadsafe(fake.aclose(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
