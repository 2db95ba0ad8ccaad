"""Clocks for tests of what takes time: one that moves only when a test says so, and an event loop for which waiting takes none."""

from __future__ import annotations

import asyncio
import selectors
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

PATIENCE_S = (
    100.0  # what has not happened by then never will, on however busy a machine: pytest ends a test after 300 s
)


class Clock:
    """What ``time.monotonic`` says while this is in its place, to the event loop too. It stands still within ``standing``, however long
    the machine takes, and goes on from there afterwards.
    """

    def __init__(self) -> None:
        self._real = time.monotonic
        self._ahead_s = 0.0
        self._stands_at: float | None = None

    def read(self) -> float:
        return self._real() + self._ahead_s if self._stands_at is None else self._stands_at

    @contextmanager
    def standing(self) -> Iterator[None]:
        self._stands_at = self.read()
        try:
            yield
        finally:
            self._ahead_s, self._stands_at = self._stands_at - self._real(), None

    def go_on(self, seconds: float) -> None:
        """Lets ``seconds`` pass at once: what is due by then happens in the event loop's next turn."""
        assert self._stands_at is not None, "the clock runs by itself"
        self._stands_at += seconds


class TimelessLoop(asyncio.SelectorEventLoop):
    """For tests without sockets, processes and threads: as soon as everybody waits, the clock is at the next thing that is due. Work takes no
    time, so no limit is missed on a slow machine. Whoever waits for what cannot come any more hears so.
    """

    def __init__(self) -> None:
        self._leaping = _Leaping()
        super().__init__(self._leaping)

    def time(self) -> float:
        return self._leaping.now

    def run_forever(self) -> None:
        with mock.patch("time.monotonic", self.time):
            super().run_forever()


class _Leaping(selectors.DefaultSelector):
    def __init__(self) -> None:
        super().__init__()
        self.now = 1000.0

    def select(self, timeout: float | None = None) -> Any:
        ready = super().select(0)
        if not ready and timeout is None:
            raise AssertionError("the test waits for something that cannot happen any more")
        self.now += 0 if ready else timeout or 0
        return ready
