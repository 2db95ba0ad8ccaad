"""`/v1/chat/socket`: several conversations over one WebSocket, each of which can be cancelled while it streams. See `docs/streaming.md`."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

from starlette.types import Receive, Scope, Send

from app.api.dialects.openai import error_body
from app.api.errors import Fault
from app.api.gate import no_key
from app.api.keys import Keys, presented
from app.api.requests import Requests
from app.api.socket_session import Session, SocketLimits

PROTOCOL = "trimaran.v1"
KEY_PREFIX = "trimaran.key."
PING_EVERY_S = 20.0
PONG_WITHIN_S = 40.0  # a pong waits behind what a slow reader has not read yet


class ChatSocket:
    """The raw ASGI endpoint: decides on the handshake, then leaves the connection to a session."""

    def __init__(self, requests: Requests, keys: Keys, limits: SocketLimits, origins: Sequence[str]) -> None:
        self._requests = requests
        self._keys = keys
        self._limits = limits
        self._origins = frozenset(origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()  # websocket.connect
        try:
            key_name = self._admit(scope)
        except Fault as fault:
            await _refuse(fault, send)
            return
        accepted = PROTOCOL if PROTOCOL in scope["subprotocols"] else None
        await send({"type": "websocket.accept", "subprotocol": accepted})
        session = Session(scope, receive, send, requests=self._requests, limits=self._limits, key_name=key_name)
        await session.run(self._name_of)

    def _admit(self, scope: Scope) -> str | None:
        """The name of the key that the handshake carries, "" where none is needed, None where one must follow. Raises Fault."""
        headers = dict(scope["headers"])
        if self._requests.lifecycle.draining:
            raise Fault(503, "this app is stopping: connect again", type="server_error", headers={"retry-after": "1"})
        if not self._is_welcome(headers):
            raise Fault(403, "pages of this origin may not connect. hint: TRIMARAN_CORS_ORIGINS lists those that may")
        offered: list[str] = scope["subprotocols"]
        if offered and PROTOCOL not in offered:
            raise Fault(400, f"the subprotocol spoken here is {PROTOCOL}")
        if not self._keys.required:
            return ""
        in_protocol = [name.removeprefix(KEY_PREFIX).encode() for name in offered if name.startswith(KEY_PREFIX)]
        key = in_protocol[0] if in_protocol else presented(headers)
        if key is None:
            return None
        name = self._keys.name_of(key)
        if name is None:
            raise no_key(key)
        return name

    def _is_welcome(self, headers: dict[bytes, bytes]) -> bool:
        """A browser names the page's origin, and no script can change it; other clients name none."""
        origin = headers.get(b"origin", b"").decode("latin-1")
        if not origin or "*" in self._origins or origin in self._origins:
            return True
        try:
            parts = urlsplit(origin)
            host = urlsplit(f"{parts.scheme}://" + headers.get(b"host", b"").decode("latin-1"))
            return bool(parts.hostname) and (parts.hostname, parts.port) == (host.hostname, host.port)
        except ValueError:
            return False

    def _name_of(self, key: str) -> str | None:
        return self._keys.name_of(key.encode(errors="replace"))


async def _refuse(fault: Fault, send: Send) -> None:
    """An HTTP answer instead of the handshake."""
    headers = {"content-type": "application/json", **fault.headers}
    pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "websocket.http.response.start", "status": fault.status, "headers": pairs})
    await send({"type": "websocket.http.response.body", "body": error_body(fault)})
