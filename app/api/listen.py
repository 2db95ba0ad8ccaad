"""The server itself: uvicorn with the app's limits, and a stop that load balancers and running answers survive."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from types import FrameType

import uvicorn
from starlette.types import ASGIApp

from app.api.connection import Connection
from app.api.lifecycle import FLUSH_S, Lifecycle
from app.api.socket import PING_EVERY_S, PONG_WITHIN_S
from app.api.socket_connection import UNKNOWN_MESSAGE_BYTES, SocketConnection

KEEP_ALIVE_S = 620  # longer than the 600 s for which load balancers keep a connection, or they answer 502 now and then

log = logging.getLogger(__name__)


class PortTaken(OSError):
    """A port that cannot be had; the text names the setting."""


def config(application: Callable[[], ASGIApp]) -> uvicorn.Config:
    """uvicorn's configuration for what ``application`` makes once the event loop runs."""
    return uvicorn.Config(
        application,
        factory=True,
        http=Connection,
        ws=SocketConnection,
        ws_max_size=UNKNOWN_MESSAGE_BYTES,  # until the caller is known
        ws_ping_interval=PING_EVERY_S,
        ws_ping_timeout=PONG_WITHIN_S,
        ws_per_message_deflate=False,  # 64 KiB a connection, and deltas are too short to shrink
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=int(FLUSH_S),  # what is left after the app's own draining
    )


class Server(uvicorn.Server):
    """On SIGTERM or SIGINT the app is not ready at once, goes on listening while it drains, and ends; a second signal ends it at once."""

    def __init__(
        self,
        application: Callable[[], ASGIApp],
        lifecycle: Lifecycle,
        drain_s: float,
        *,
        on_hangup: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__(config(application))
        self._lifecycle = lifecycle
        self._drain_s = drain_s
        self._on_hangup = on_hangup

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """uvicorn's own would raise the signal again at the end, and the process would die of it before its last log line is written."""
        del sig, frame
        self.force_exit = self.should_exit
        self.should_exit = self._lifecycle.draining = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self._on_hangup)
        await super().startup(sockets)
        for listening in sockets or ():
            host, port = listening.getsockname()[:2]
            log.info("listening on %s port %d", host, port)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        log.info("stopping: %d answers have %g s to finish", len(self._lifecycle.running), self._drain_s)
        await self._lifecycle.drain(self._drain_s, lambda: self.force_exit)
        await super().shutdown(sockets)


@contextmanager
def sockets(addresses: Sequence[tuple[str, str, int]]) -> Iterator[list[socket.socket]]:
    """A bound socket for each (setting, host, port). Raises PortTaken."""
    with ExitStack() as stack:
        yield [stack.enter_context(_bound(*address)) for address in addresses]


def _bound(setting: str, host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        bound = socket.socket(family, kind, protocol)
    except OSError as error:
        raise PortTaken(f"{setting}: {host} is not an address of this machine: {error.strerror}") from None
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if host == "::":
        bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)  # IPv4 too
    try:
        bound.bind(address)
    except OSError as error:
        bound.close()
        raise PortTaken(
            f"{setting}={port} on {host} cannot be used: {error.strerror}.\nhint: set {setting} to another port"
        ) from None
    return bound
