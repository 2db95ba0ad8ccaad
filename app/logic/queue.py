"""Requests that wait for room: first come, first served, bounded in number and time."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, deque
from collections.abc import Collection, Iterator
from contextlib import contextmanager

from app.logic.answer import Failure, Kind

MAX_WAITING = 512  # per model: more would wait longer than their callers do
WAIT_S = 30.0
WANTED_S = 60.0  # an autoscaler looks once a minute or so


class Queue:
    """``waiting`` is by model."""

    def __init__(self, *, max_waiting: int = MAX_WAITING, wait_s: float = WAIT_S) -> None:
        self.waiting: Counter[str] = Counter()
        self._wanted_at: dict[str, float] = {}
        self._max_waiting = max_waiting
        self._wait_s = wait_s
        self._waiters: deque[tuple[asyncio.Future[None], Collection[str]]] = deque()

    async def room(self, model: str, backends: Collection[str], deadline: float) -> None:
        """Returns when a place at one of ``backends`` has been given up; the place is not reserved. Raises Failure, with status 429."""
        if self.waiting[model] >= self._max_waiting:
            raise full(model, f"{self._max_waiting} requests wait already")
        loop = asyncio.get_running_loop()
        place: asyncio.Future[None] = loop.create_future()
        waiter = (place, backends)
        self._waiters.append(waiter)
        self.waiting[model] += 1
        try:
            async with asyncio.timeout_at(min(deadline, loop.time() + self._wait_s)):
                await place
        except TimeoutError:
            raise full(model, "no place became free in time") from None
        finally:
            self.waiting[model] -= 1
            if waiter in self._waiters:
                self._waiters.remove(waiter)

    def wanted(self, model: str) -> None:
        """A sleeping backend would have been asked, though another one answers meanwhile."""
        self._wanted_at[model] = time.monotonic()

    def depth(self, model: str) -> int:
        """What an autoscaler goes by: the requests that wait, and one for a backend that was wanted in the last minute."""
        wanted = time.monotonic() - self._wanted_at.get(model, -WANTED_S) < WANTED_S
        return self.waiting[model] + wanted

    @contextmanager
    def holding(self, model: str) -> Iterator[None]:
        """While open, one more request counts as waiting: for a backend that wakes up."""
        self.waiting[model] += 1
        try:
            yield
        finally:
            self.waiting[model] -= 1

    def freed(self, backend: str) -> None:
        """A place at ``backend`` is free: whoever has waited longest for it goes on."""
        for waiter in self._waiters:
            place, backends = waiter
            if backend in backends and not place.done():
                place.set_result(None)
                self._waiters.remove(waiter)
                return


def full(model: str, why: str) -> Failure:
    text = f"model '{model}' is at its limit: {why}"
    return Failure(Kind.BUSY, text, reason=text, status=429, retry_after_s=1)
