"""Requests that wait for room: the free places go round the callers' keys, first come, first served within a key; bounded in number and time."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Protocol

from app.logic.answer import Failure, Kind

MAX_WAITING = 512  # per model: more would wait longer than their callers do
WAIT_S = 30.0
WANTED_S = 60.0  # an autoscaler looks once a minute or so


class Room(Protocol):
    """A backend that runs a bounded number of requests. ``kept``: places that are free, but promised to somebody who waited."""

    kept: int

    @property
    def name(self) -> str: ...
    @property
    def has_room(self) -> bool:
        """Whether there is a place that is neither taken nor kept."""
        ...


class _Waiter:
    """``place`` is done when a place at one of ``backends`` is kept for this request, or when it is given up."""

    __slots__ = ("backends", "is_in_line", "key", "model", "place")

    def __init__(self, model: str, key: str, backends: Collection[str]) -> None:
        self.model = model
        self.key = key
        self.backends = frozenset(backends)
        self.is_in_line = False
        self.place: asyncio.Future[Room] = asyncio.get_running_loop().create_future()


class _Lines:
    """Waiters in a line for each key; the keys take turns. Only ``longest`` takes the longer the more keys there are."""

    def __init__(self) -> None:
        self._lines: OrderedDict[str, OrderedDict[_Waiter, None]] = OrderedDict()

    def __bool__(self) -> bool:
        return bool(self._lines)

    def add(self, waiter: _Waiter) -> None:
        self._lines.setdefault(waiter.key, OrderedDict())[waiter] = None

    def discard(self, waiter: _Waiter) -> None:
        line = self._lines[waiter.key]
        del line[waiter]
        if not line:
            del self._lines[waiter.key]

    def next(self) -> _Waiter:
        """The first in the line of the key whose turn it is; that key's next turn comes after those of all others. Somebody waits."""
        key = next(iter(self._lines))
        self._lines.move_to_end(key)
        return next(iter(self._lines[key]))

    def length(self, key: str) -> int:
        return len(self._lines.get(key, ()))

    def longest(self) -> str:
        """The key with the longest line; empty when nobody waits."""
        return max(self._lines, key=self.length, default="")

    def newest(self, key: str) -> _Waiter:
        return next(reversed(self._lines[key]))


class Queue:
    """``waiting`` is by model."""

    def __init__(self, *, max_waiting: int = MAX_WAITING, wait_s: float = WAIT_S) -> None:
        self.waiting: Counter[str] = Counter()
        self._in_line: Counter[str] = Counter()  # without those that wait for a backend to wake up, or for a probe
        self._wanted_at: dict[str, float] = {}
        self._max_waiting = max_waiting
        self._wait_s = wait_s
        self._by_model: defaultdict[str, _Lines] = defaultdict(_Lines)
        self._by_backend: defaultdict[str, _Lines] = defaultdict(_Lines)

    async def room(self, model: str, key: str, backends: Collection[str], deadline: float) -> None:
        """Returns when one of ``backends`` has a place, which is the caller's until it next awaits. Raises Failure, with status 429."""
        self._make_room(model, key)
        loop = asyncio.get_running_loop()
        waiter = _Waiter(model, key, backends)
        self._enter(waiter)
        try:
            async with asyncio.timeout_at(min(deadline, loop.time() + self._wait_s)):
                await waiter.place
        except TimeoutError:
            raise full(model, "no place became free in time") from None
        finally:
            self._settle(waiter)

    def _make_room(self, model: str, key: str) -> None:
        """Where the queue is full, the newest of the key with the most in it makes room for a key with fewer. Raises Failure."""
        if self._in_line[model] < self._max_waiting:
            return
        lines, crowded = self._by_model[model], full(model, f"{self._max_waiting} requests wait already")
        longest = lines.longest()
        if lines.length(key) + 1 >= lines.length(longest):  # it would be as long
            raise crowded
        newest = lines.newest(longest)
        self._leave(newest)
        if not newest.place.done():  # else its caller has just left
            newest.place.set_exception(crowded)

    def _enter(self, waiter: _Waiter) -> None:
        waiter.is_in_line = True
        self.waiting[waiter.model] += 1
        self._in_line[waiter.model] += 1
        for line in self._lines_of(waiter):
            line.add(waiter)

    def _leave(self, waiter: _Waiter) -> None:
        if waiter.is_in_line:
            waiter.is_in_line = False
            self.waiting[waiter.model] -= 1
            self._in_line[waiter.model] -= 1
            for line in self._lines_of(waiter):
                line.discard(waiter)

    def _settle(self, waiter: _Waiter) -> None:
        """Ends the waiting. A place that was kept is free now, and goes to the next one unless this one takes it in the same step."""
        self._leave(waiter)
        place = waiter.place
        if place.done() and not place.cancelled() and place.exception() is None:
            backend = place.result()
            backend.kept -= 1
            asyncio.get_running_loop().call_soon(self.freed, backend)

    def _lines_of(self, waiter: _Waiter) -> list[_Lines]:
        return [self._by_model[waiter.model], *(self._by_backend[backend] for backend in waiter.backends)]

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

    def freed(self, backend: Room) -> None:
        """Places at ``backend`` are free: each is kept for the next one who waits for it, so that nobody who comes later takes it."""
        lines = self._by_backend.get(backend.name)
        while lines and backend.has_room:
            waiter = lines.next()
            self._leave(waiter)
            if not waiter.place.done():  # else its caller has just left
                backend.kept += 1
                waiter.place.set_result(backend)


def full(model: str, why: str) -> Failure:
    text = f"model '{model}' is at its limit: {why}"
    return Failure(Kind.BUSY, text, reason=text, status=429, retry_after_s=1)
