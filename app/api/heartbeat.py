"""Keeps a silent stream's connection open: proxies and load balancers cut one on which nothing moves for a minute or so."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable


class Heartbeat:
    """Calls ``beat`` when nothing moved for ``first_s``, and then whenever ``every_s`` went by without a ``touch``.

    One timer a stream: touching it only writes a number, unless ``every_s`` is the shorter of the two.
    """

    def __init__(self, beat: Callable[[], Awaitable[None]], first_s: float, every_s: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._beat = beat
        self._every_s = every_s
        self._beating: asyncio.Task[None] | None = None
        self._due_at = self._fires_at = self._loop.time() + first_s
        self._timer = self._loop.call_at(self._fires_at, self._fire)

    def touch(self) -> None:
        self._due_at = self._loop.time() + self._every_s
        if self._due_at < self._fires_at:
            self._timer.cancel()
            self._arm()

    async def rest(self) -> None:
        """Ends it; one that is being sent goes out whole."""
        self._timer.cancel()
        if self._beating is not None:
            await asyncio.wait({self._beating})

    def stop(self) -> None:
        """Ends it at once; nothing more can be sent."""
        self._timer.cancel()
        if self._beating is not None:
            self._beating.cancel()

    def _fire(self) -> None:
        if self._loop.time() >= self._due_at:
            if self._beating is None or self._beating.done():  # else a slow reader has not even taken the last one
                self._beating = self._loop.create_task(self._run())
            self._due_at = self._loop.time() + self._every_s
        self._arm()

    def _arm(self) -> None:
        self._fires_at = self._due_at
        self._timer = self._loop.call_at(self._fires_at, self._fire)

    async def _run(self) -> None:
        await self._beat()
