"""One incoming connection: uvicorn's own protocol with the limits that it lacks, so that no caller can hold memory or a socket for nothing.

It also tells the application of a caller's leaving more cheaply than ASGI can.
"""

from __future__ import annotations

import asyncio
import re
import socket
import weakref
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, ClassVar, cast

from starlette.types import Scope
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from app.api.arriving import ARRIVING
from app.api.dialects.openai import error_body
from app.api.errors import Fault
from app.api.leaving import LEAVING, Leaving

GATHERED_BYTES = 64 * 2**10  # what a transport holds before it has its writer wait, with asyncio and uvloop alike
CHUNK_BYTES = 16  # the line before a chunk, and the end of the line after it: up to eight digits, twice CR and LF


class _Trailers(list[tuple[bytes, bytes]]):
    """Takes the fields that follow a chunked body, and keeps none: they are no headers, and nothing here reads them."""

    def append(self, field: tuple[bytes, bytes]) -> None:
        """Leaves it out."""


TRAILERS = _Trailers()


class Connection(HttpToolsProtocol):
    """Limits the head of a request in size and time, what comes with its body and is none, and the time for which a reader may take
    nothing of its answer. After an answer that did not wait for the body the connection is closed.

    uvicorn makes these itself, so the limits are the class's: a subclass changes them.
    """

    max_head_bytes: ClassVar[int] = 64 * 2**10  # and of what is neither head nor body: trailers, extensions of chunks
    max_unread_bytes: ClassVar[int] = 64 * 2**20  # of a body that nobody wants: two of the largest that are taken
    head_s: ClassVar[float] = 30.0  # from connecting, or from a later request's first byte, to the end of its head
    linger_s: ClassVar[float] = 10.0  # for which a body that nobody wants is read, so that its sender sees the answer
    stalled_reader_s: ClassVar[float] = 120.0

    _reading_head = True
    _head_bytes = 0
    _other_bytes = 0  # what came with the body and is none
    _other_bytes_before = 0  # the bytes that are being looked at
    _unread_bytes = 0
    _lingers = False
    _timer: asyncio.TimerHandle | None = None
    _fault: Fault | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._gathering = Gathering(transport, self.loop, self._close)
        super().connection_made(cast("asyncio.Transport", self._gathering))
        _close_when_stalled(transport, self.stalled_reader_s)
        self._wire = transport
        self._timer = self.loop.call_later(self.head_s, self._too_slow)
        self._leaving = Leaving(self.flow.resume_reading)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        super().connection_lost(exc)
        self._gathering.forget()
        self._leaving.gone()

    def data_received(self, data: bytes) -> None:
        if self._lingers:
            self._pass_over(data)
            return
        self._other_bytes_before = self._other_bytes
        if self._reading_head:
            if not self._head_bytes:
                data = _without_other_upgrades(data)
            self._head_bytes += len(data)
        else:
            self._other_bytes += len(data)
        super().data_received(data)
        if self.transport.is_closing():
            return
        if not self._reading_head:
            # No credit for what was taken off too much: a chunk's line is often shorter than CHUNK_BYTES.
            self._other_bytes = max(self._other_bytes, self._other_bytes_before)
            if self._other_bytes > self.max_head_bytes:
                self._refuse(
                    Fault(431, f"more than {self.max_head_bytes >> 10} KiB came with the body that are not body")
                )
        elif self._head_bytes > self.max_head_bytes:
            self._refuse(self._too_large())
        elif self._head_bytes and self._timer is None:
            self._timer = self.loop.call_later(self.head_s, self._too_slow)

    def on_headers_complete(self) -> None:
        self._stop_timer()
        if self._head_bytes > self.max_head_bytes and self._head_size() > self.max_head_bytes:
            self._fault = self._too_large()
            raise ValueError("the head is too large")  # the parser stops, and calls send_400_response
        self._head_bytes = 0
        super().on_headers_complete()
        self._reading_head = False
        if self.parser.should_upgrade():
            return  # there is no body, and uvicorn looks at the headers once more
        self.headers = TRAILERS  # what the parser calls a header from now on
        scope = cast("Scope", self.scope)
        scope[LEAVING] = self._leaving
        scope[ARRIVING] = weakref.ref(self.cycle)

    def _unsupported_upgrade_warning(self) -> None:
        """A caller asked for another protocol than WebSocket, in a head that came in pieces. The parser takes what follows for a new
        request, which a caller could have put into its body: it is not read any more, and the answer is the connection's last.
        """
        if self.cycle is not None:
            self.cycle.keep_alive = False
        self._lingers, self._reading_head = True, False
        self._stop_timer()
        self._timer = self.loop.call_later(self.linger_s, self._stop_passing)

    def _stop_passing(self) -> None:
        """Nothing more is passed over; an answer that is still being made is not cut off."""
        self._timer = None
        self.flow.pause_reading()

    def handle_websocket_upgrade(self) -> None:
        super().handle_websocket_upgrade()
        self.parser = None  # type: ignore[assignment]  # it refers to this, and has nothing more to read

    def on_body(self, body: bytes) -> None:
        self._other_bytes -= len(body)
        super().on_body(body)

    def on_chunk_header(self) -> None:
        self._other_bytes -= CHUNK_BYTES

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._reading_head = True
        self._other_bytes = self._other_bytes_before = 0

    def on_response_complete(self) -> None:
        if self.cycle.response_complete:
            self.cycle.body = bytearray()  # what was not read would be held as long as the connection is kept
        super().on_response_complete()

    def send_400_response(self, msg: str) -> None:
        self._refuse(self._fault or Fault(400, f"{msg[0].lower()}{msg[1:]}"))

    def _head_size(self) -> int:
        return len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)

    def _too_large(self) -> Fault:
        return Fault(431, f"the request's head is larger than the {self.max_head_bytes >> 10} KiB that are taken")

    def _too_slow(self) -> None:
        self._timer = None
        if self._is_answering():
            return  # the head is a pipelined one: it waits for that answer anyway
        if self._head_bytes:
            self._refuse(Fault(408, f"the request's head was not complete after {self.head_s:g} s"))
        elif not self.transport.is_closing():
            self.transport.close()  # connected and said nothing

    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _refuse(self, fault: Fault) -> None:
        """Answers in place of the application, and closes. What is answered already is cut off."""
        if self.transport.is_closing():
            return
        waits_for_body = self._waits_for_body()
        if waits_for_body or not self._is_answering():
            self.transport.write(last_answer(fault))
            self._reading_head = False  # whatever it was in: its sender may be sending still
        if waits_for_body:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self.transport.close()

    def _waits_for_body(self) -> bool:
        """Whether the application has not begun the answer to the request whose body is arriving, and it is that one's turn."""
        return not (self._reading_head or self.cycle.response_started or self.pipeline)

    def _close(self) -> None:
        """Closes the connection. While a body is arriving its sender would not see the answer: the kernel answers what comes after the
        closing, or was not read before, with a reset (RFC 9112, 9.6). So our side ends, and what comes is passed over for a while.
        """
        if self._reading_head or self._lingers or self._wire.is_closing():
            self._wire.close()
            return
        self._lingers = True
        self._stop_timer()
        self._timer = self.loop.call_later(self.linger_s, self._wire.close)
        self._wire.write_eof()
        self.flow.resume_reading()

    def _pass_over(self, data: bytes) -> None:
        self._unread_bytes += len(data)
        if self._unread_bytes > self.max_unread_bytes:
            self._wire.close()


_UPGRADE = re.compile(rb"\r\n(upgrade:[ \t]*+(?!websocket[ \t]*\r\n))", re.I)
_END_OF_HEAD = re.compile(rb"\r?\n\r?\n")


def _without_other_upgrades(data: bytes) -> bytes:
    """``data``, which begins with a request's first byte, without the wish for a protocol that is not spoken here: Java's client asks
    each server for h2c. A server may ignore it (RFC 9110, 7.8), and the parser would not read the body behind it.

    Only a head that is here as a whole is changed, and nothing behind it: a body that became longer would hide a request.
    """
    if b"pgrade" not in data and b"PGRADE" not in data:
        return data
    end = _END_OF_HEAD.search(data)
    if end is None or end[0] != b"\r\n\r\n":
        return data
    return _UPGRADE.sub(rb"\r\nx-\1", data[: end.end()]) + data[end.end() :]


def last_answer(fault: Fault) -> bytes:
    """A whole answer in place of the application's, after which the connection closes. The path, by which another dialect would be
    known, may not have come yet.
    """
    body = error_body(fault)
    head = (
        f"HTTP/1.1 {fault.status} {HTTPStatus(fault.status).phrase}\r\ncontent-type: application/json\r\n"
        f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
    )
    return head.encode() + body


class Gathering:
    """A transport that sends in one piece what is written in one turn of the event loop.

    uvicorn writes the head of an answer, its body and its end by themselves: three system calls, three packets, and a caller that
    wakes up three times.
    """

    def __init__(
        self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop, close: Callable[[], None]
    ) -> None:
        """``close`` closes ``transport``, at once or after a while."""
        self._transport = transport
        self._loop = loop
        self._close = close
        self._is_closed = False
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
        self._is_closed = True
        self._flush()
        self._close()

    def forget(self) -> None:
        """The connection is lost. Whoever closed it refers to this, and would be kept with all that it holds until cycles are looked for."""
        self._close = self._transport.close

    def is_closing(self) -> bool:
        return self._is_closed or self._transport.is_closing()

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
