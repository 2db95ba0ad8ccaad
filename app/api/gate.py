"""In front of every route: who may call, and what every answer carries."""

from __future__ import annotations

import contextlib
import random
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.arriving import is_arriving
from app.api.defects import Defects
from app.api.dialects.openai import error_body
from app.api.errors import OUR_DEFECT, Fault
from app.api.exchange import Exchange, headers_of
from app.api.keys import Keys, presented
from app.api.lifecycle import Lifecycle
from app.api.origins import Origins
from app.logic.excerpt import excerpt

OPEN = frozenset(
    {"/health", "/health/live", "/health/ready", "/openapi.json"}
)  # probes carry no key; the document holds no secret
INSPECTION = frozenset({"/metrics", "/v1/routes"})  # all that the second port answers, beside health
_REQUEST_ID = re.compile(rb"[A-Za-z0-9_-]{1,128}")
INTERNAL_ERROR = 1011  # close code, RFC 6455 section 7.4.1
_STARTS = frozenset({"http.response.start", "websocket.accept", "websocket.http.response.start"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Who may call. ``inspection_port``: the second port, of which ``inspection_origins`` are. ``keyless``: the platform's own paths."""

    keys: Keys
    origins: Origins
    inspection_port: int | None
    inspection_origins: Origins
    keyless: frozenset[str] = frozenset()


class Stamp:
    """Gives each request its id, the caller's own where it sent a usable one, and puts id and revision into each answer.

    A defect behind it becomes a 500, so that the connection's next request is answered.
    """

    def __init__(self, app: ASGIApp, *, revision: str, lifecycle: Lifecycle, defects: Defects) -> None:
        self._app = app
        self._defects = defects
        self._revision = (b"x-revision", revision.encode())
        self._lifecycle = lifecycle

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        request_id = _request_id(scope)
        scope["request_id"] = request_id.decode()
        started = False

        async def stamped(message: Message) -> None:
            if message["type"] in _STARTS:
                nonlocal started
                started = True
                message["headers"] = [*message.get("headers", ()), (b"x-request-id", request_id), self._revision]
                closes = self._lifecycle.draining or is_arriving(scope)  # the next request goes to another instance
                if closes and message["type"] == "http.response.start":
                    message["headers"].append((b"connection", b"close"))
            await send(message)

        try:
            await self._app(scope, receive, stamped)
        except Exception:
            self._defects.note(scope["request_id"])
            if not started:
                await refuse(OUR_DEFECT, scope, receive, stamped)
            elif scope["type"] == "http":
                raise  # half an answer: the server closes the connection
            else:
                with contextlib.suppress(OSError, RuntimeError):  # uvicorn raises either where the caller has left
                    await send({"type": "websocket.close", "code": INTERNAL_ERROR})


async def refuse(fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
    """Tells the caller before anything else was said: a WebSocket gets an HTTP answer instead of the handshake."""
    if scope["type"] == "http":
        await Exchange(scope, receive, send).refuse(fault)
        return
    headers = {"content-type": "application/json", **fault.headers}
    pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "websocket.http.response.start", "status": fault.status, "headers": pairs})
    await send({"type": "websocket.http.response.body", "body": error_body(fault)})


def _request_id(scope: Scope) -> bytes:
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _REQUEST_ID.fullmatch(value):
            return bytes(value)
    return b"%032x" % random.getrandbits(128)  # an id, no secret: asking the kernel for bytes costs 5 µs


class Gate:
    """Turns away web pages that may not call, and asks for a key. A WebSocket may bring its key later, so its own endpoint asks.

    ``is_public`` names further paths that anybody may load; the port of ``access.inspection`` answers `/metrics` and `/v1/routes` to
    whoever reaches it.
    """

    def __init__(self, app: ASGIApp, access: Access, *, is_public: Callable[[str], bool]) -> None:
        self._app = app
        self._keys = access.keys
        self._origins = access.origins
        self._inspection_port = access.inspection_port
        self._inspection_origins = access.inspection_origins
        self._is_public = is_public
        self._open = OPEN | access.keyless

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        inspecting = self._inspection_port is not None and _port(scope) == self._inspection_port
        try:
            origins = self._inspection_origins if inspecting else self._origins
            origins.check(scope, headers := headers_of(scope), self._is_public)
        except Fault as fault:
            await refuse(fault, scope, receive, send)
            return
        if inspecting:
            await self._inspect(scope, receive, send)
        elif scope["type"] == "http" and self._keys.required and not self._is_open(scope["path"]):
            await self._ask(headers, scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _is_open(self, path: str) -> bool:
        return path in self._open or self._is_public(path)

    async def _ask(self, headers: Mapping[bytes, bytes], scope: Scope, receive: Receive, send: Send) -> None:
        key = presented(headers)
        name = self._keys.name_of(key) if key else None
        if name is None:
            await Exchange(scope, receive, send).refuse(no_key(key))
            return
        scope["key_name"] = name
        await self._app(scope, receive, send)

    async def _inspect(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] in INSPECTION | OPEN:
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            here = ", ".join(sorted(INSPECTION | OPEN))
            fault = Fault(404, f"there is no {excerpt(scope['path'])} on this port, which has: {here}")
            await Exchange(scope, receive, send).refuse(fault)
        else:
            await receive()
            await send({"type": "websocket.close"})


def _port(scope: Scope) -> int | None:
    """The port on which the connection was accepted; no caller can choose it by a header."""
    server = scope.get("server")
    return server[1] if server else None


def no_key(key: bytes | None) -> Fault:
    seen = "the request carries no key" if key is None else "the request's key is not valid"
    return Fault(
        401,
        f"{seen}: send one of this app's keys as 'Authorization: Bearer <key>' or 'x-api-key: <key>'",
        type="authentication_error",
        code="invalid_api_key",
        headers={"www-authenticate": "Bearer"},
    )
