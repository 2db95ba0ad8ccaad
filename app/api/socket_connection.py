"""One WebSocket's connection: uvicorn's own protocol with the limits that it lacks, on what a caller may send before it is known, unread or unfinished."""

from __future__ import annotations

import asyncio
import time
from typing import Any, ClassVar, cast

from starlette.types import Scope
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame
from websockets.http11 import Request

from app.api.arriving import INCOMING
from app.api.connection import Gathering, last_answer
from app.api.errors import Fault
from app.api.exchange import MIN_BODY_BYTES_PER_S
from app.logic.admission.body_bytes import Full, Share

UNKNOWN_MESSAGE_BYTES = 4 * 2**10
PIECE_BYTES = 16 * 2**10  # what is looked at in one go: 2,700 of the smallest messages
QUIET_S = 1.0  # after which a caller whose connection failed has nothing more to say
# Close codes: RFC 6455 section 7.4.1, and IANA's registry of them (checked 2026-11-30).
POLICY, TOO_BIG, TRY_AGAIN = 1008, 1009, 1013


class SocketConnection(WebSocketsSansIOProtocol):
    """Until ``admit`` nobody knows the caller: a message may have 4 KiB, and everything together twice that.

    What has arrived, and waits for the rest of its message or for the application, counts in a share of the memory. While the caller
    does not read what it is sent, pongs too, nothing more is read from it. uvicorn makes these itself, so the limits are the class's.
    """

    max_unknown_bytes: ClassVar[int] = 2 * UNKNOWN_MESSAGE_BYTES
    message_s: ClassVar[float] = 30.0  # from its first byte to its end, and one more for each 32 KiB, as for a body
    linger_s: ClassVar[float] = 10.0  # for which what a refused caller goes on sending is read, at most

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._share: Share | None = None
        self._unknown_bytes = 0
        self._rest = b""  # arrived and not looked at yet
        self._queued_bytes = 0  # of messages that the application has not taken
        self._begun_at = 0.0
        self._has_failed = False
        self._lingers_until = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def admit(self, share: Share, max_bytes: int) -> None:
        self._share = share
        self.conn.max_message_size = max_bytes
        self._settle()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        cast("Gathering", self.transport).forget()
        cast("Scope", getattr(self, "scope", {})).pop(INCOMING, None)
        self._give_back()

    def data_received(self, data: bytes) -> None:
        if self._has_failed:
            self._pass_over()
        if self._is_over():
            return
        if not self.handshake_initiated:
            self._begin(data)
            return
        if self._share is None:
            self._unknown_bytes += len(data)
            if self._unknown_bytes > self.max_unknown_bytes:
                self._fail(TOO_BIG, "too much came before the key")
                return
        self._rest += data
        self._go_on()

    def _begin(self, head: bytes) -> None:
        """Takes the handshake, which is here in full. One that cannot be read would be waited for without end."""
        super().data_received(head)
        if not self.handshake_initiated:
            text = "the handshake cannot be read: it is a GET without a body, and has at most 128 fields of 8 KiB"
            self.transport.write(last_answer(Fault(400, text)))
            self.transport.close()

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        if self.response.status_code == 101:
            cast("Scope", self.scope)[INCOMING] = self

    def _go_on(self) -> None:
        """Looks at what has arrived, until there is a message for the application, or something to send that the caller does not read."""
        data, at = self._rest, 0
        while at < len(data) and not (self._is_held_up() or self._is_over()):
            super().data_received(data[at : at + PIECE_BYTES])
            at += PIECE_BYTES
        self._rest = data[at:]
        self._settle()

    def _is_over(self) -> bool:
        return self._has_failed or self.transport.is_closing()

    def _is_held_up(self) -> bool:
        return self.read_paused or not self.writable.is_set()

    def handle_cont(self, event: Frame) -> None:
        """Joins it to what there is: kept by themselves, small fragments would take many times their size."""
        if not isinstance(self.frames[0], bytearray):
            self.frames[0] = bytearray(self.frames[0])  # type: ignore[call-overload]
        self.frames[0] += event.data
        if event.fin:
            self.send_receive_event_to_app()

    def send_receive_event_to_app(self) -> None:
        self._stop_timer()  # the next message has its own time
        self._queued_bytes += len(self.frames[0])
        super().send_receive_event_to_app()

    async def receive(self) -> Any:
        message = await super().receive()
        if self.queue.empty():
            self._queued_bytes = 0
            self._hold_up()
            self._go_on()
        return message

    def pause_writing(self) -> None:
        super().pause_writing()
        self._hold_up()

    def resume_writing(self) -> None:
        super().resume_writing()
        if not self.read_paused:
            self.transport.resume_reading()
            self._go_on()

    def _hold_up(self) -> None:
        if not self.writable.is_set():
            self.transport.pause_reading()

    def _settle(self) -> None:
        """Reserves what is held now, and sees to it that a message that has begun ends in time."""
        if self._is_over():
            return
        unfinished = self._unfinished()
        if unfinished and self._timer is None:
            self._begun_at = time.monotonic()
            self._timer = self.loop.call_later(self.message_s, self._check_time)
        elif not unfinished:
            self._stop_timer()
        if self._share is not None:
            try:
                self._share.resize(unfinished + len(self._rest) + self._queued_bytes)
            except Full as full:
                self._fail(TRY_AGAIN, str(full))

    def _unfinished(self) -> int:
        """How many bytes have come of a message, or of a frame, that has not ended."""
        return len(self.conn.reader.buffer) + sum(map(len, self.frames))

    def _check_time(self) -> None:
        """Ends a message that comes too slowly; it is not late while we do not read."""
        if self._is_held_up():
            self._begun_at = time.monotonic()
        left_s = self._begun_at + self.message_s + self._unfinished() / MIN_BODY_BYTES_PER_S - time.monotonic()
        if left_s > 0:
            self._timer = self.loop.call_later(left_s, self._check_time)
        else:
            self._fail(POLICY, f"a message came too slowly: at less than {MIN_BODY_BYTES_PER_S >> 10} KiB/s")

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _fail(self, code: int, reason: str) -> None:
        self.conn.fail(code, reason)
        self.handle_parser_exception()

    def handle_parser_exception(self) -> None:
        """Tells both sides, and closes. What is still coming is passed over first: closing at once would reset the connection, and the
        caller would not see why.
        """
        closing = self.conn.close_sent
        if (
            closing is None or self.close_sent
        ):  # a handshake that is not answered yet, or a closing that is under way: no frame may go out
            self.transport.close()
            return
        self.queue.put_nowait({"type": "websocket.disconnect", "code": closing.code, "reason": closing.reason})
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.transport.resume_reading()
        self.close_sent = self._has_failed = True
        self._give_back()
        self._lingers_until = self.loop.time() + self.linger_s
        self._pass_over()

    def _pass_over(self) -> None:
        """Closes when nothing more has come for a second."""
        if self.close_timer is not None:
            self.close_timer.cancel()
        until = min(self.loop.time() + QUIET_S, self._lingers_until)
        self.close_timer = self.loop.call_at(until, self.transport.close)

    def _give_back(self) -> None:
        """Nothing of what has arrived is wanted any more."""
        self._rest = b""
        self.frames = []
        self.conn.reader.discard()  # the parser refers to itself, and would keep it until cycles are looked for
        self._stop_timer()
        if self._share is not None:
            self._share.close()
