"""From the first request to the last: what runs now, whether new work is taken, and how the app comes to rest when told to stop."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Protocol

from app.api.errors import Fault
from app.logic.record import Record

QUIET_S = 1.0  # a load balancer that still sends requests here sends one within this time
TAKE_AT_MOST_S = 10.0  # by then every load balancer has seen that the app is not ready
FLUSH_S = 1.0
_POLL_S = 0.02


class Stoppable(Protocol):
    """One request under way."""

    @property
    def record(self) -> Record: ...
    def stop(self, why: Exception) -> None: ...


class Socket(Protocol):
    """One open WebSocket."""

    def leave(self) -> None:
        """Close with 1001 as soon as no answer runs on it."""


class Lifecycle:
    """``draining`` is set, from a signal handler, when the app has been told to stop: readiness then answers 503.

    ``waits_for``: what each of the app's own engines that does not answer yet waits for, by backend; set by the composition.
    """

    def __init__(self, *, quiet_s: float = QUIET_S) -> None:
        self.draining = False
        self.waits_for: Callable[[], Mapping[str, str]] = dict
        self.running: set[Stoppable] = set()
        self.sockets: set[Socket] = set()
        self._quiet_s = quiet_s
        self._refusing = False
        self._begun_at = float("-inf")

    def begin(self, request: Stoppable) -> None:
        """Notes that ``request`` runs, until ``end``. Raises Fault when the app has been stopping for too long to take it."""
        if self._refusing:
            raise Fault(
                503,
                "this app is stopping and takes no new requests: send it again",
                type="server_error",
                code="busy",
                headers={"retry-after": "1"},
            )
        self._begun_at = time.monotonic()
        self.running.add(request)

    @property
    def callers(self) -> int:
        """Requests that run, and open WebSockets."""
        return len(self.running) + len(self.sockets)

    def end(self, request: Stoppable) -> None:
        self.running.discard(request)

    async def drain(self, limit_s: float, forced: Callable[[], bool]) -> None:
        """Returns when nothing runs and nothing new comes, after ``limit_s`` at most, or at once when ``forced`` says so.

        Meanwhile new requests are still taken, because load balancers go on sending them until they have seen that the app is not
        ready; in the second half of the time they are refused, because they could not finish. What still runs at the limit is stopped.
        """
        self.draining = True
        start = time.monotonic()
        for socket in list(self.sockets):
            socket.leave()
        while not forced() and time.monotonic() < start + limit_s and not self._at_rest():
            self._refusing = time.monotonic() > start + min(TAKE_AT_MOST_S, limit_s / 2)
            await asyncio.sleep(_POLL_S)
        if not forced():
            await self._stop_running()

    def _at_rest(self) -> bool:
        return not (self.running or self.sockets) and time.monotonic() > self._begun_at + self._quiet_s

    async def _stop_running(self) -> None:
        self._refusing = True
        for request in list(self.running):
            request.stop(Fault(503, "this app stopped before the answer was complete", type="server_error", code="cut"))
        until = time.monotonic() + FLUSH_S
        while (self.running or self.sockets) and time.monotonic() < until:
            await asyncio.sleep(_POLL_S)
