"""One incoming connection: uvicorn's own protocol with the limits that it lacks, so that no caller can hold memory or a socket for nothing.

It also tells the application of a caller's leaving more cheaply than ASGI can.
"""

from __future__ import annotations

import asyncio
import socket
from http import HTTPStatus
from typing import Any, ClassVar, cast

from starlette.types import Scope
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from app.api.dialects.openai import error_body
from app.api.errors import Fault
from app.api.leaving import LEAVING, Leaving

GATHERED_BYTES = 64 * 2**10  # what a transport holds before it has its writer wait, with asyncio and uvloop alike


class Connection(HttpToolsProtocol):
    """Limits the head of a request in size and time, and the time for which a reader may take nothing of its answer.

    uvicorn makes these itself, so the limits are the class's: a subclass changes them.
    """

    max_head_bytes: ClassVar[int] = 64 * 2**10
    head_s: ClassVar[float] = 30.0  # from connecting, or from a later request's first byte, to the end of its head
    stalled_reader_s: ClassVar[float] = 120.0

    _reading_head = True
    _head_bytes = 0
    _head_timer: asyncio.TimerHandle | None = None
    _fault: Fault | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(cast("asyncio.Transport", Gathering(transport, self.loop)))
        _close_when_stalled(transport, self.stalled_reader_s)
        self._head_timer = self.loop.call_later(self.head_s, self._too_slow)
        self._leaving = Leaving(self.flow.resume_reading)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        super().connection_lost(exc)
        self._leaving.gone()

    def data_received(self, data: bytes) -> None:
        if self._reading_head:
            self._head_bytes += len(data)
        super().data_received(data)
        if not self._reading_head or not self._head_bytes or self.transport.is_closing():
            return
        if self._head_bytes > self.max_head_bytes:
            self._refuse(self._too_large())
        elif self._head_timer is None:
            self._head_timer = self.loop.call_later(self.head_s, self._too_slow)

    def on_headers_complete(self) -> None:
        self._stop_timer()
        self._reading_head = False
        if self._head_bytes > self.max_head_bytes and self._head_size() > self.max_head_bytes:
            self._fault = self._too_large()
            raise ValueError("the head is too large")  # the parser stops, and calls send_400_response
        self._head_bytes = 0
        super().on_headers_complete()
        cast("Scope", self.scope)[LEAVING] = self._leaving

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._reading_head = True

    def send_400_response(self, msg: str) -> None:
        self._refuse(self._fault or Fault(400, f"{msg[0].lower()}{msg[1:]}"))

    def _head_size(self) -> int:
        return len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)

    def _too_large(self) -> Fault:
        return Fault(431, f"the request's head is larger than the {self.max_head_bytes >> 10} KiB that are taken")

    def _too_slow(self) -> None:
        self._head_timer = None
        if self._is_answering():
            return  # the head is a pipelined one: it waits for that answer anyway
        if self._head_bytes:
            self._refuse(Fault(408, f"the request's head was not complete after {self.head_s:g} s"))
        elif not self.transport.is_closing():
            self.transport.close()  # connected and said nothing

    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _stop_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _refuse(self, fault: Fault) -> None:
        """Answers without the application, which has not seen the request, and closes."""
        if self.transport.is_closing():
            return
        self._stop_timer()
        if not self._is_answering():
            body = error_body(fault)  # the path, by which another dialect would be known, may not be there yet
            head = (
                f"HTTP/1.1 {fault.status} {HTTPStatus(fault.status).phrase}\r\ncontent-type: application/json\r\n"
                f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
            )
            self.transport.write(head.encode() + body)
        self.transport.close()


class Gathering:
    """A transport that sends in one piece what is written in one turn of the event loop.

    uvicorn writes the head of an answer, its body and its end by themselves: three system calls, three packets, and a caller that
    wakes up three times.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._parts: list[bytes] = []
        self._size = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        if not self._parts:
            self._loop.call_soon(self._flush)
        self._parts.append(data)
        self._size += len(data)
        if self._size >= GATHERED_BYTES:
            self._flush()

    def close(self) -> None:
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        if self._parts:
            data = b"".join(self._parts)
            self._parts.clear()
            self._size = 0
            self._transport.write(data)


def _close_when_stalled(transport: asyncio.Transport, after_s: float) -> None:
    """Has the kernel close the connection when the other side has acknowledged nothing, or opened no window, for ``after_s``.

    Without it a caller that stops reading, but stays connected, would hold its stream and what is buffered for it for ever.
    """
    connection = transport.get_extra_info("socket")
    if connection is not None and hasattr(socket, "TCP_USER_TIMEOUT") and connection.family != socket.AF_UNIX:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(after_s * 1000))
