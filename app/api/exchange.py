"""One request and its answer over raw ASGI: reading the body within its limits, sending JSON or a stream, noticing that the caller left."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import msgspec
from starlette.types import Receive, Scope, Send

from app.api.errors import Fault
from app.api.heartbeat import Heartbeat
from app.wire import sse

MAX_BODY_BYTES = 32 * 2**20  # a request with a few images; ALB, Cloud Run and Container Apps take at least as much
MIN_BODY_BYTES_PER_S = 32 * 2**10
_encode = msgspec.json.Encoder().encode

STREAM_HEADERS = {
    "content-type": "text/event-stream; charset=utf-8",
    "cache-control": "no-cache, no-transform",
    "x-accel-buffering": "no",  # nginx and its kin would hold the events back
}


class Exchange:
    """``headers`` are sent with the answer, whatever it becomes. The request's id and the revision are added in ``app.api.gate``."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send
        self._heartbeat: Heartbeat | None = None
        self.request_headers: dict[bytes, bytes] = dict(scope["headers"])
        self.request_id: str = scope.get("request_id", "")
        self.headers: dict[str, str] = {}
        self.started = False

    async def body(self, within_s: float) -> bytes:
        """The whole body. Raises Fault when it is too large or comes too slowly, ConnectionAbortedError when the caller leaves.

        It may take ``within_s`` seconds, and one more for each 32 KiB. One over the limit is read on for as much again, without being
        kept: a caller that is still sending would not see the answer.
        """
        parts: list[bytes] = []
        size, more = 0, True
        start = time.monotonic()
        while more and size <= 2 * MAX_BODY_BYTES:
            left_s = start + within_s + size / MIN_BODY_BYTES_PER_S - time.monotonic()
            part, more = await self._part(left_s)
            size += len(part)
            if size > MAX_BODY_BYTES:
                parts.clear()
            else:
                parts.append(part)
        if size > MAX_BODY_BYTES:
            raise Fault(
                413,
                f"the body is larger than the {MAX_BODY_BYTES >> 20} MiB that are taken",
                headers={"connection": "close"},
            )
        return b"".join(parts)

    async def _part(self, within_s: float) -> tuple[bytes, bool]:
        try:
            async with asyncio.timeout(within_s):
                message = await self._receive()
        except TimeoutError:
            raise Fault(
                408,
                f"the body came too slowly: at less than {MIN_BODY_BYTES_PER_S >> 10} KiB/s",
                headers={"connection": "close", "x-should-retry": "false"},
            ) from None
        if message["type"] == "http.disconnect":
            raise ConnectionAbortedError("the caller left before its request was complete")
        return message.get("body", b""), message.get("more_body", False)

    @contextmanager
    def on_leaving(self, tell: Callable[[], None]) -> Iterator[None]:
        """While open, calls ``tell`` as soon as the caller has left. The body must have been read."""
        leaving = asyncio.create_task(self._gone())

        def left(task: asyncio.Task[None]) -> None:
            if not task.cancelled():
                tell()

        leaving.add_done_callback(left)
        try:
            yield
        finally:
            leaving.remove_done_callback(left)
            leaving.cancel()

    async def _gone(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass

    async def json(self, value: object, *, status: int = 200) -> None:
        await self.whole(_encode(value), status=status)

    async def refuse(self, fault: Fault) -> None:
        """Tells the caller: by the status, or by an event where the status is out already; no [DONE] follows that."""
        if self.started:
            await self.finish(sse.event(fault.body()))
            return
        self.headers |= fault.headers
        await self.whole(fault.body(), status=fault.status)

    async def whole(self, body: bytes, *, status: int = 200, content_type: str = "application/json") -> None:
        await self._start(status, {"content-type": content_type, "content-length": str(len(body))})
        await self._send({"type": "http.response.body", "body": body})

    async def start_stream(self, heartbeat_s: float) -> None:
        """Commits the status. From now on a comment goes out whenever nothing else did for ``heartbeat_s``; ``close`` ends that."""
        await self._start(200, STREAM_HEADERS)
        self._heartbeat = Heartbeat(self.send, heartbeat_s)

    async def send(self, raw: bytes) -> None:
        """A part of the stream. Waits while the caller reads more slowly than we write, so that nothing piles up here."""
        await self._send({"type": "http.response.body", "body": raw, "more_body": True})
        if self._heartbeat is not None:
            self._heartbeat.touch()

    async def finish(self, raw: bytes = b"") -> None:
        self.close()
        await self._send({"type": "http.response.body", "body": raw})

    def close(self) -> None:
        if self._heartbeat is not None:
            self._heartbeat.stop()

    async def _start(self, status: int, headers: Mapping[str, str]) -> None:
        self.started = True
        pairs = [
            (name.encode(), value.encode("latin-1", "replace"))
            for name, value in (self.headers | dict(headers)).items()
        ]
        await self._send({"type": "http.response.start", "status": status, "headers": pairs})
