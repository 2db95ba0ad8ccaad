"""A proxy that breaks answers: real sockets between the app and a model server, one named fault for each request that asks for it.

A request names its fault in its own text, as ``fault=NAME``; any other request passes through unharmed. Where the model server's answer
comes from is the business of a ``Source``: another server, or a fake of a vendor.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol

from delivery.drill.addresses import reset_on_close
from tests.faults.answers import Act, Break, Fault, Instead, Point, Respelled, is_content, is_finish, respelled

PING_EVERY_S = 0.02
APART_S = 0.003
_TAG = re.compile(rb"fault=([a-z0-9_.-]+)")


@dataclass(frozen=True, slots=True)
class Request:
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def fault(self) -> str:
        found = _TAG.search(self.body)
        return found[1].decode() if found else ""


@dataclass(frozen=True, slots=True)
class Passing:
    """A healthy answer. ``parts``: the events of a stream, one each, or the whole body as one part."""

    status: int
    content_type: str
    parts: AsyncIterator[bytes]

    @property
    def streams(self) -> bool:
        return self.content_type.startswith("text/event-stream")


class Source(Protocol):
    """The model server behind the proxy, and how its vendor writes what no healthy answer has."""

    async def answer(self, request: Request) -> Passing: ...
    def ping(self) -> bytes: ...
    def error(self) -> bytes:
        """An error as it stands in a stream that has begun."""
        ...


class Gone(Exception):
    """The connection is over."""


class FaultProxy:
    """``asked`` counts the requests by the fault they named. ``pause_s`` is how late a late answer is.

    ``settle_s`` passes before a fault, so that the app has read what was sent; with 0 both may come in one read. ``acted_at`` is the time
    of the latest fault, in that of ``time.monotonic``.
    """

    def __init__(
        self, source: Source, faults: Mapping[str, Fault], *, pause_s: float = 1.0, settle_s: float = 0.0
    ) -> None:
        self.asked: Counter[str] = Counter()
        self.acted_at = 0.0
        self.port = 0
        self._source = source
        self._faults = faults
        self._pause_s = pause_s
        self.settle_s = settle_s
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def busy(self) -> int:
        """How many connections are open."""
        return len(self._tasks)

    async def __aenter__(self) -> FaultProxy:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=2**22, backlog=1024)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        peer = _Peer(reader, writer)
        try:
            while (request := await peer.request()) is not None:
                self.asked[request.fault] += 1
                await self._play(self._faults.get(request.fault), request, peer)
        except (Gone, ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the app left, or the fault ended the connection
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _play(self, fault: Fault | None, request: Request, peer: _Peer) -> None:
        match fault:
            case Instead():
                await peer.head(fault.status, fault.content_type, fault.headers)
                await peer.send(fault.body)
                await peer.end()
            case Break():
                await self._broken(fault, request, peer)
            case _:
                await self._healthy(fault, request, peer)

    async def _healthy(self, fault: Respelled | None, request: Request, peer: _Peer) -> None:
        answer = await self._source.answer(request)
        await peer.head(answer.status, answer.content_type)
        pieces = 0
        async for part in answer.parts:
            if fault is None or pieces < fault.pieces:
                await peer.send(part)
            else:
                for written in respelled(part, fault.how):
                    await peer.send_apart(written)
            pieces += is_content(part)
        await peer.end()

    async def _broken(self, fault: Break, request: Request, peer: _Peer) -> None:
        """Passes the answer on as far as the fault lets it, does what the fault does, and after a mere pause the rest."""
        if fault.at is Point.NOTHING:
            await self._act(fault.then, peer)
        answer = await self._source.answer(request)
        if fault.at is Point.HALF_HEAD:
            await peer.half_head()
            await self._act(fault.then, peer)
        await peer.head(answer.status, answer.content_type)
        if fault.at is Point.HEAD:
            await self._act(fault.then, peer)
        await (self._broken_stream if answer.streams else self._broken_body)(fault, answer, peer)
        await peer.end()

    async def _broken_stream(self, fault: Break, answer: Passing, peer: _Peer) -> None:
        pieces = 0
        finished = False
        async for event in answer.parts:
            due = is_content(event) and pieces == fault.pieces
            if due and fault.at is Point.HALF_EVENT:
                await peer.send(event[: len(event) // 2])
            if (due and fault.at in (Point.CONTENT, Point.HALF_EVENT)) or (finished and fault.at is Point.FINISH):
                await self._act(fault.then, peer)
            await peer.send(event)
            pieces += is_content(event)
            finished = finished or is_finish(event)

    async def _broken_body(self, fault: Break, answer: Passing, peer: _Peer) -> None:
        """The body of a whole answer; its only inner point is the middle."""
        body = b"".join([part async for part in answer.parts])
        if fault.at in (Point.CONTENT, Point.HALF_EVENT):
            await peer.send(body[: len(body) // 2])
            await self._act(fault.then, peer)
        await peer.send(body)
        if fault.at is Point.FINISH:
            await self._act(fault.then, peer)

    async def _act(self, act: Act, peer: _Peer) -> None:
        """Raises Gone when that was the end of the connection."""
        await asyncio.sleep(self.settle_s)
        self.acted_at = time.monotonic()
        match act:
            case Act.PAUSE:
                await asyncio.sleep(self._pause_s)
                return
            case Act.RESET:
                await peer.reset()
            case Act.END:
                await peer.end()
            case Act.SILENCE:
                await peer.left()
            case Act.PINGS:
                while not peer.is_gone:
                    await peer.send(self._source.ping())
                    await asyncio.sleep(PING_EVERY_S)
            case Act.ERROR:
                await peer.send(self._source.error())
                await peer.end()
            case Act.GARBAGE:
                await peer.send(b"data: <upstream connect error>\n\n")
                await peer.end()
        raise Gone


class _Peer:
    """The app's end of one connection; speaks HTTP/1.1 with chunked bodies."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @property
    def is_gone(self) -> bool:
        return self._reader.at_eof() or self._writer.is_closing()

    async def request(self) -> Request | None:
        """The next request; None when the app has no more."""
        try:
            head = await self._reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError:
            return None
        first, *lines = head.decode("latin-1").strip().split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        body = await self._reader.readexactly(int(headers.get("content-length", 0)))
        return Request(first.split()[1], headers, body)

    async def head(self, status: int, content_type: str, headers: Mapping[str, str] | None = None) -> None:
        named = {"content-type": content_type, "transfer-encoding": "chunked", **(headers or {})}
        lines = [f"HTTP/1.1 {status} X", *(f"{name}: {value}" for name, value in named.items())]
        await self._write("\r\n".join(lines).encode() + b"\r\n\r\n")

    async def half_head(self) -> None:
        await self._write(b"HTTP/1.1 200 X\r\ncontent-ty")

    async def send(self, part: bytes) -> None:
        if part:
            await self._write(b"%x\r\n%b\r\n" % (len(part), part))

    async def send_apart(self, part: bytes) -> None:
        """Sends so that the other side reads it by itself."""
        await self.send(part)
        await asyncio.sleep(APART_S)

    async def end(self) -> None:
        await self._write(b"0\r\n\r\n")

    async def left(self) -> None:
        """Waits until the app closes the connection."""
        await self._reader.read()

    async def reset(self) -> None:
        reset_on_close(self._writer.get_extra_info("socket"))
        self._writer.transport.abort()

    async def _write(self, raw: bytes) -> None:
        self._writer.write(raw)
        await self._writer.drain()
