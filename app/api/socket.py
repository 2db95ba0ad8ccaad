"""`/v1/chat/socket`: several conversations over one WebSocket, each of which can be cancelled while it streams. See `docs/streaming.md`."""

from __future__ import annotations

from starlette.types import Receive, Scope, Send

from app.api.errors import Fault
from app.api.gate import no_key, refuse
from app.api.keys import Holder, Keys, presented
from app.api.requests import Requests
from app.api.socket_session import Session, SocketLimits

PROTOCOL = "trimaran.v1"
KEY_PREFIX = "trimaran.key."
PING_EVERY_S = 20.0
PONG_WITHIN_S = 40.0  # a pong waits behind what a slow reader has not read yet


class ChatSocket:
    """The raw ASGI endpoint: decides on the handshake, then leaves the connection to a session."""

    def __init__(self, requests: Requests, keys: Keys, limits: SocketLimits) -> None:
        self._requests = requests
        self._keys = keys
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()  # websocket.connect
        try:
            holder = Holder(self._keys)
            key_name = self._admit(scope, holder)
        except Fault as fault:
            await refuse(fault, scope, receive, send)
            return
        accepted = PROTOCOL if PROTOCOL in scope["subprotocols"] else None
        await send({"type": "websocket.accept", "subprotocol": accepted})
        session = Session(scope, receive, send, requests=self._requests, limits=self._limits, key_name=key_name)
        with holder.losing(session.revoke):
            await session.run(lambda key: holder.name_of(key.encode(errors="replace")))

    def _admit(self, scope: Scope, holder: Holder) -> str | None:
        """The name of the key that the handshake carries, "" where none is needed, None where one must follow. Raises Fault."""
        headers = dict(scope["headers"])
        if self._requests.lifecycle.draining:
            raise Fault(503, "this app is stopping: connect again", type="server_error", headers={"retry-after": "1"})
        offered: list[str] = scope["subprotocols"]
        if offered and PROTOCOL not in offered:
            raise Fault(400, f"the subprotocol spoken here is {PROTOCOL}")
        if not self._keys.required:
            return ""
        in_protocol = [name.removeprefix(KEY_PREFIX).encode() for name in offered if name.startswith(KEY_PREFIX)]
        key = in_protocol[0] if in_protocol else presented(headers)
        if key is None:
            return None
        name = holder.name_of(key)
        if name is None:
            raise no_key(key)
        return name
