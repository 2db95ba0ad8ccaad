"""One time limit for one answer: a single timer, moved by writing a number, so that a batch of a stream costs no timer of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from app.logic.answer import Kind


class Watchdog:
    """Calls ``expire`` once when the limit that was set last has passed. Times are those of ``time.monotonic``, which is the event loop's clock too (uvloop rounds it to milliseconds)."""

    def __init__(self, expire: Callable[[], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._expire = expire
        self._at = 0.0
        self._due = 0.0  # when the timer fires; uvloop's own handle cannot tell for a time that has passed
        self._kind = Kind.DEADLINE
        self._timer: asyncio.TimerHandle | None = None
        self.expired: Kind | None = None

    def until(self, at: float, kind: Kind) -> None:
        """From now on the limit is ``at``; passing it is a failure of ``kind``. A timer runs already: it moves itself when it fires."""
        self._at = at
        self._kind = kind
        if self._timer is None or at < self._due:
            self.stop()
            self._arm()

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arm(self) -> None:
        self._due = self._at
        self._timer = self._loop.call_at(self._at, self._fire)

    def _fire(self) -> None:
        self._timer = None
        if self._loop.time() < self._at:
            self._arm()
            return
        self.expired = self._kind
        self._expire()
