"""One request and its answer over raw ASGI: reading the body within its limits, sending JSON or a stream, noticing that the caller left."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence

import msgspec
from starlette.types import Message, Receive, Scope, Send

from app.api.arriving import has_arrived
from app.api.dialects.paths import spoken_at
from app.api.errors import Fault
from app.api.heartbeat import Heartbeat
from app.api.leaving import Watch, watched

MAX_BODY_BYTES = 32 * 2**20  # a request with a few images; ALB, Cloud Run and Container Apps take at least as much
MIN_BODY_BYTES_PER_S = 32 * 2**10
_encode = msgspec.json.Encoder().encode

STREAM_HEADERS = (
    (b"cache-control", b"no-cache, no-transform"),
    (b"x-accel-buffering", b"no"),  # nginx and its kin would hold the events back
)


def headers_of(scope: Scope) -> dict[bytes, bytes]:
    """The request's headers by their names in lower case; of several with one name the last. Made once for each request."""
    headers: dict[bytes, bytes] | None = scope.get("trimaran.headers")
    if headers is None:
        headers = scope["trimaran.headers"] = dict(scope["headers"])
    return headers


class Exchange:
    """``headers`` are sent with the answer, whatever it becomes; errors and heartbeats are written in the dialect of the path. The request's id and the revision are added in ``app.api.gate``."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._scope = scope
        self._receive = receive
        self._send = send
        self._heartbeat: Heartbeat | None = None
        self._dialect = spoken_at(scope["path"])
        self.request_headers = headers_of(scope)
        self.request_id: str = scope.get("request_id", "")
        self.headers: dict[str, str] = {}
        self.started = self.ended = False

    async def body(self, within_s: float, reserve: Callable[[int], None]) -> bytes:
        """The whole body. Raises Fault when it is too large or comes too slowly, ConnectionAbortedError when the caller leaves.

        It may take ``within_s`` seconds, and one more for each 32 KiB. ``reserve`` is told of its bytes before they are kept; what it
        raises ends the reading.
        """
        parts: list[bytes] = []
        size, more = 0, True
        start = time.monotonic()
        while more:
            left_s = start + within_s + size / MIN_BODY_BYTES_PER_S - time.monotonic()
            part, more = await self._part(left_s)
            size += len(part)
            if size > MAX_BODY_BYTES:
                raise Fault(
                    413,
                    f"the body is larger than the {MAX_BODY_BYTES >> 20} MiB that are taken",
                    headers={"connection": "close"},
                )
            if part:
                reserve(len(part))
                parts.append(part)
        return b"".join(parts)

    async def _part(self, within_s: float) -> tuple[bytes, bool]:
        if has_arrived(self._scope):  # as most bodies have; a time limit costs 10 µs
            message = await self._receive()
        else:
            message = await self._awaited(within_s)
        if message["type"] == "http.disconnect":
            raise ConnectionAbortedError("the caller left before its request was complete")
        return message.get("body", b""), message.get("more_body", False)

    async def _awaited(self, within_s: float) -> Message:
        try:
            async with asyncio.timeout(within_s):
                return await self._receive()
        except TimeoutError:
            raise Fault(
                408,
                f"the body came too slowly: at less than {MIN_BODY_BYTES_PER_S >> 10} KiB/s",
                headers={"x-should-retry": "false"},
            ) from None

    def on_leaving(self, tell: Callable[[], None]) -> Watch:
        """While entered, calls ``tell`` as soon as the caller has left. The body must have been read."""
        return Watch(watched(self._scope, self._receive), tell)

    async def json(self, value: object, *, status: int = 200) -> None:
        await self.whole(_encode(value), status=status)

    async def refuse(self, fault: Fault) -> None:
        """Tells the caller: by the status, or by an event where the status is out already; no end mark follows that. Nothing more can be
        told behind an answer that is over.
        """
        if self.ended:
            return
        if self.started:
            await self.finish(self._dialect.error_event(fault))
            return
        self.headers |= fault.headers
        await self.whole(self._dialect.error(fault), status=fault.status)

    async def whole(self, body: bytes, *, status: int = 200, content_type: str = "application/json") -> None:
        self.close()
        size = b"%d" % len(body)
        await self._start(status, ((b"content-type", content_type.encode()), (b"content-length", size)))
        self.ended = True
        await self._send({"type": "http.response.body", "body": body})

    def keep_warm(self, commit_after_s: float, heartbeat_s: float) -> None:
        """A stream that is not there after ``commit_after_s`` is started all the same, and a comment goes out whenever nothing else did
        for ``heartbeat_s``; ``close`` ends that.
        """
        self._heartbeat = Heartbeat(self._beat, commit_after_s, heartbeat_s)

    async def _beat(self) -> None:
        await self.start_stream()
        await self.send(self._dialect.heartbeat)

    async def start_stream(self) -> None:
        """Commits the status, unless that is done."""
        if not self.started:
            await self._start(200, ((b"content-type", self._dialect.stream_type), *STREAM_HEADERS))

    async def send(self, raw: bytes) -> None:
        """A part of the stream. Waits while the caller reads more slowly than we write, so that nothing piles up here."""
        await self._send({"type": "http.response.body", "body": raw, "more_body": True})
        if self._heartbeat is not None:
            self._heartbeat.touch()

    async def finish(self, raw: bytes = b"") -> None:
        if self._heartbeat is not None:
            await self._heartbeat.rest()
        self.ended = True
        await self._send({"type": "http.response.body", "body": raw})

    def close(self) -> None:
        if self._heartbeat is not None:
            self._heartbeat.stop()
            self._heartbeat = None  # it refers to this

    async def _start(self, status: int, headers: Sequence[tuple[bytes, bytes]]) -> None:
        self.started = True
        pairs = [(name.encode(), value.encode("latin-1", "replace")) for name, value in self.headers.items()]
        await self._send({"type": "http.response.start", "status": status, "headers": [*pairs, *headers]})
