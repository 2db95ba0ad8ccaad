"""In front of every route: who may call, and what every answer carries."""

from __future__ import annotations

import random
import re
from collections.abc import Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.arriving import is_arriving
from app.api.errors import Fault
from app.api.exchange import Exchange
from app.api.keys import Keys, presented
from app.api.lifecycle import Lifecycle

OPEN = frozenset(
    {"/health", "/health/live", "/health/ready", "/openapi.json"}
)  # probes carry no key; the document holds no secret
INSPECTION = frozenset({"/metrics", "/v1/routes"})  # all that the second port answers, beside health
_REQUEST_ID = re.compile(rb"[A-Za-z0-9_-]{1,128}")
_STARTS = frozenset({"http.response.start", "websocket.accept", "websocket.http.response.start"})


class Stamp:
    """Gives each request its id, the caller's own where it sent a usable one, and puts id and revision into each answer."""

    def __init__(self, app: ASGIApp, *, revision: str, lifecycle: Lifecycle) -> None:
        self._app = app
        self._revision = (b"x-revision", revision.encode())
        self._lifecycle = lifecycle

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        request_id = _request_id(scope)
        scope["request_id"] = request_id.decode()

        async def stamped(message: Message) -> None:
            if message["type"] in _STARTS:
                message["headers"] = [*message.get("headers", ()), (b"x-request-id", request_id), self._revision]
                closes = self._lifecycle.draining or is_arriving(scope)  # the next request goes to another instance
                if closes and message["type"] == "http.response.start":
                    message["headers"].append((b"connection", b"close"))
            await send(message)

        await self._app(scope, receive, stamped)


def _request_id(scope: Scope) -> bytes:
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _REQUEST_ID.fullmatch(value):
            return bytes(value)
    return b"%032x" % random.getrandbits(128)  # an id, no secret: asking the kernel for bytes costs 5 µs


class Gate:
    """Asks for a key. A WebSocket may bring its key later, so its own endpoint asks.

    ``is_public`` names further paths that anybody may load; ``inspection_port`` answers `/metrics` and `/v1/routes` to whoever reaches it.
    """

    def __init__(
        self, app: ASGIApp, *, keys: Keys, is_public: Callable[[str], bool], inspection_port: int | None = None
    ) -> None:
        self._app = app
        self._keys = keys
        self._is_public = is_public
        self._inspection_port = inspection_port

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._inspection_port is not None and _port(scope) == self._inspection_port:
            await self._inspect(scope, receive, send)
        elif scope["type"] == "http" and self._keys.required and not self._is_open(scope["path"]):
            await self._ask(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _is_open(self, path: str) -> bool:
        return path in OPEN or self._is_public(path)

    async def _ask(self, scope: Scope, receive: Receive, send: Send) -> None:
        key = presented(dict(scope["headers"]))
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
            fault = Fault(404, f"there is no {scope['path']} on this port, which has: {here}")
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
