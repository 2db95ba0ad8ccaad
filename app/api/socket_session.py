"""One open WebSocket: reads the caller's messages, runs an answer for each, and ends when the caller, the idle limit or the app says so."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec
from starlette.types import Receive, Scope, Send

from app.api import bodies, socket_messages
from app.api.arriving import INCOMING, Incoming
from app.api.dialects import openai
from app.api.errors import OUR_DEFECT, Fault
from app.api.gate import no_key
from app.api.requests import Request, Requests
from app.api.socket_messages import Pong, Ready, Start, deltas, end, error
from app.logic.answer import Endpoint
from app.logic.excerpt import excerpt
from app.logic.router import Reply
from app.wire.codecs import READ

MAX_MESSAGE_BYTES = 8 * 2**20
NORMAL, GOING_AWAY, POLICY = 1000, 1001, 1008  # close codes, RFC 6455 section 7.4.1


@dataclass(frozen=True, slots=True, kw_only=True)
class SocketLimits:
    """``running``: answers at a time on one socket. ``idle_s``: without a message or an answer. ``auth_s``: until the key has come."""

    running: int = 8
    idle_s: float = 600.0
    auth_s: float = 10.0


class Cancelled(ConnectionAbortedError):
    """The caller wants no more of this answer."""


class _Closed(Exception):
    """The session is over, with a close code and a reason for the caller."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class _Envelope(msgspec.Struct):
    type: str
    id: str = ""
    key: str = ""


class Session:
    """``key_name`` is None until the caller has sent a key. What is sent waits while the caller reads slowly, so that nothing piles up."""

    def __init__(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        *,
        requests: Requests,
        limits: SocketLimits,
        key_name: str | None,
    ) -> None:
        self._receive = receive
        self._send = send
        self._headers = dict(scope["headers"])
        self._incoming: Incoming | None = scope.get(INCOMING)
        self._requests = requests
        self._limits = limits
        self._key_name = key_name
        self._running: dict[str, Request] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._leaving = self._is_revoked = False
        self._waiting: asyncio.Timeout | None = None
        self._rested_at = 0.0

    async def run(self, name_of: Callable[[str], str | None]) -> None:
        """Serves the caller until the end; ``name_of`` gives the name of a valid key."""
        self._requests.lifecycle.sockets.add(self)
        try:
            if self._key_name is None:
                self._key_name = await self._authenticate(name_of)
            if self._incoming is not None:
                self._incoming.admit(self._requests.admission.bodies.share(), MAX_MESSAGE_BYTES)
            await self._say(Ready())
            while True:
                await self._take(await self._next(self._limits.idle_s))
        except _Closed as closed:
            await self._close(closed)
        except ConnectionAbortedError:
            pass  # the caller left
        finally:
            await self._stop()
            self._requests.lifecycle.sockets.discard(self)

    def leave(self) -> None:
        """Ends the session with 1001, when the answers that run are finished."""
        self._leaving = True
        self._wake_at_rest()

    def revoke(self) -> None:
        """Ends the session with 1008, and the answers that run: its key is valid no longer."""
        self._is_revoked = True
        self._wake()

    async def _authenticate(self, name_of: Callable[[str], str | None]) -> str:
        try:
            message = await self._next(self._limits.auth_s)
            envelope = msgspec.convert(bodies.parse(message), _Envelope)
        except (Fault, msgspec.ValidationError):
            envelope = _Envelope(type="")
        name = name_of(envelope.key) if envelope.type == "auth" else None
        if name is None:
            fault = no_key(envelope.key.encode(errors="replace") or None)
            hint = 'here it is the subprotocol trimaran.key.<key>, or the first message: {"type": "auth", "key": …}'
            fault.message += f"; {hint}"
            await self._say(error(fault))
            raise _Closed(POLICY, "no valid key")
        return name

    async def _next(self, idle_s: float) -> str:
        """The caller's next message. Raises ConnectionAbortedError when the caller left, _Closed when it is time to end."""
        loop = asyncio.get_running_loop()
        self._rested_at = loop.time()
        while True:
            if self._is_revoked:
                raise _Closed(POLICY, "the key is valid no longer")
            if self._leaving and not self._running:
                raise _Closed(GOING_AWAY, "the app is stopping: connect again")
            if not self._running and loop.time() >= self._rested_at + idle_s:
                raise _Closed(NORMAL, f"nothing was said for {idle_s:g} s")
            until = (loop.time() if self._running else self._rested_at) + idle_s
            try:
                async with asyncio.timeout_at(until) as self._waiting:
                    message = await self._receive()
            except TimeoutError:
                continue
            finally:
                self._waiting = None
            if message["type"] == "websocket.disconnect":
                raise ConnectionAbortedError("the caller left")
            return message.get("text") or (message.get("bytes") or b"").decode(errors="replace")

    async def _take(self, text: str) -> None:
        """Does what a message asks for; one that cannot be read is answered with an error and changes nothing."""
        envelope = _Envelope(type="")
        try:
            body = bodies.parse(text)
            envelope = msgspec.convert(body, _Envelope)
            match envelope.type:
                case "chat":
                    self._begin(envelope.id, body, len(text) if text.isascii() else len(text.encode(errors="replace")))
                case "cancel":
                    if (request := self._running.get(envelope.id)) is not None:
                        request.stop(Cancelled())
                case "ping":
                    await self._say(Pong())
                case _:
                    raise Fault(
                        400,
                        f"'{excerpt(envelope.type)}' is not a type of message here: chat, cancel, ping",
                        param="type",
                    )
        except msgspec.ValidationError as wrong:
            await self._say(error(bodies.wrong(str(wrong))))
        except Fault as fault:
            await self._say(error(fault, envelope.id))
        except ConnectionAbortedError:
            raise
        except Exception:  # noqa: BLE001 - nor must a message's
            self._requests.defects.note("")
            await self._say(error(OUR_DEFECT, envelope.id))

    def _begin(self, id: str, body: dict[str, Any], size: int) -> None:
        """Starts an answer to a message of ``size`` characters. Raises Fault."""
        if not 0 < len(id) <= 128:
            raise Fault(400, "a chat needs an id of 1 to 128 characters, by which its answer can be told", param="id")
        if id in self._running:
            raise Fault(400, f"an answer with the id '{id}' is still running", param="id")
        if len(self._running) >= self._limits.running:
            message = f"{self._limits.running} answers run on this socket, which is the limit: wait for one to end"
            raise Fault(429, message, type="rate_limit_error", code="rate")
        request_id = secrets.token_hex(16)
        request = self._requests.begin(
            Endpoint.CHAT, request_id=request_id, key=self._key_name or "", headers=self._headers
        )
        self._running[id] = request
        fields = {name: value for name, value in body.items() if name not in ("type", "id", "stream_options")}
        task = asyncio.create_task(self._answer(id, request, fields | {"stream": True}, size))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, id: str, request: Request, body: dict[str, Any], size: int) -> None:
        """One answer, from its request to its last message."""
        try:
            with contextlib.suppress(ConnectionAbortedError):
                await self._say(await self._last_message(id, request, body, size))
        finally:
            del self._running[id]
            self._rested_at = asyncio.get_running_loop().time()
            self._wake_at_rest()

    async def _last_message(
        self, id: str, request: Request, body: dict[str, Any], size: int
    ) -> socket_messages._Message:
        """Streams the answer, and gives the message that ends it. Raises ConnectionAbortedError when the caller left."""
        try:
            async with request:
                request.share.grow(size)
                call = openai.CHAT.check(body, request.record.request_id)
                return await self._stream(id, await request.open(call))
        except Fault as fault:
            return error(fault, id)
        except Cancelled:
            return end(request.record, id, "cancelled")
        except ConnectionAbortedError:
            raise
        except Exception:  # noqa: BLE001 - one answer's defect must not end the others on this socket
            self._requests.defects.note(request.record.request_id)
            return error(OUR_DEFECT, id)

    async def _stream(self, id: str, reply: Reply) -> socket_messages._Message:
        record = reply.record
        await self._say(
            Start(
                id=id,
                request_id=record.request_id,
                model=record.model,
                backend=reply.backend,
                attempts=len(record.attempts),
                ignored=sorted(reply.ignored),
            )
        )
        reader = READ[reply.wire].reader()
        async with contextlib.aclosing(reply.batches()) as batches:
            async for batch in batches:
                for delta in deltas(reader.read(batch.raw), id):
                    await self._say(delta)
        await reply.aclose()
        return end(record, id, record.finish)

    async def _say(self, message: socket_messages._Message) -> None:
        """Waits while the caller reads more slowly than we write. Raises ConnectionAbortedError when the caller left."""
        try:
            await self._send({"type": "websocket.send", "text": message.text()})
        except (OSError, RuntimeError) as gone:  # uvicorn raises either, by how far the closing has come
            raise ConnectionAbortedError("the caller left") from gone

    def _wake_at_rest(self) -> None:
        """Has the waiting for a message look again whether it is time to end."""
        if self._leaving and not self._running:
            self._wake()

    def _wake(self) -> None:
        if self._waiting is not None and not self._waiting.expired():
            self._waiting.reschedule(0)

    async def _close(self, closed: _Closed) -> None:
        with contextlib.suppress(OSError, RuntimeError):
            await self._send({"type": "websocket.close", "code": closed.code, "reason": closed.reason})

    async def _stop(self) -> None:
        """Ends what still runs, because nobody is there to read it."""
        for request in list(self._running.values()):
            request.leave()
        if self._tasks:
            await asyncio.wait(self._tasks)
