"""One request and its answer over raw ASGI: reading the body within its limit, sending JSON or a stream, noticing that the caller left."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping

import msgspec
from starlette.types import Receive, Scope, Send

from app.api.errors import Fault

MAX_BODY_BYTES = 32 * 2**20  # a request with a few images; ALB, Cloud Run and Container Apps take at least as much
_REQUEST_ID = re.compile(rb"[A-Za-z0-9_-]{1,128}")
_encode = msgspec.json.Encoder().encode

STREAM_HEADERS = {
    "content-type": "text/event-stream; charset=utf-8",
    "cache-control": "no-cache, no-transform",
    "x-accel-buffering": "no",  # nginx and its kin would hold the events back
}


class Exchange:
    """``headers`` are sent with the answer, whatever it becomes."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send
        self.request_headers: dict[bytes, bytes] = dict(scope["headers"])
        self.request_id = self._request_id()
        self.headers: dict[str, str] = {"x-request-id": self.request_id}
        self.started = False

    def _request_id(self) -> str:
        given = self.request_headers.get(b"x-request-id", b"")
        return given.decode() if _REQUEST_ID.fullmatch(given) else secrets.token_hex(16)

    async def body(self) -> bytes:
        """The whole body. One over the limit is read to its end, so that the answer reaches the caller, but not kept. Raises Fault."""
        parts: list[bytes] = []
        size = 0
        while True:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ConnectionAbortedError("the caller left before its request was complete")
            part: bytes = message.get("body", b"")
            size += len(part)
            if size <= MAX_BODY_BYTES:
                parts.append(part)
            else:
                parts.clear()
            if not message.get("more_body"):
                break
        if size > MAX_BODY_BYTES:
            raise Fault(413, f"the body is {size >> 20} MiB, more than the {MAX_BODY_BYTES >> 20} MiB that are taken")
        return b"".join(parts)

    async def gone(self) -> None:
        """Returns when the caller has left. The body must have been read."""
        while (await self._receive())["type"] != "http.disconnect":
            pass

    async def json(self, value: object, *, status: int = 200) -> None:
        await self.whole(_encode(value), status=status)

    async def fault(self, fault: Fault) -> None:
        self.headers |= fault.headers
        await self.whole(fault.body(), status=fault.status)

    async def whole(self, body: bytes, *, status: int = 200, content_type: str = "application/json") -> None:
        await self._start(status, {"content-type": content_type, "content-length": str(len(body))})
        await self._send({"type": "http.response.body", "body": body})

    async def start_stream(self) -> None:
        await self._start(200, STREAM_HEADERS)

    async def send(self, raw: bytes) -> None:
        """A part of the stream. Waits while the caller reads more slowly than we write, so that nothing piles up here."""
        await self._send({"type": "http.response.body", "body": raw, "more_body": True})

    async def finish(self, raw: bytes = b"") -> None:
        await self._send({"type": "http.response.body", "body": raw})

    async def _start(self, status: int, headers: Mapping[str, str]) -> None:
        self.started = True
        pairs = [
            (name.encode(), value.encode("latin-1", "replace"))
            for name, value in (self.headers | dict(headers)).items()
        ]
        await self._send({"type": "http.response.start", "status": status, "headers": pairs})
