"""Keeps a silent stream's connection open: proxies and load balancers cut one on which nothing moves for a minute or so."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from app.wire import sse


class Heartbeat:
    """Sends a comment whenever ``every_s`` went by without a ``touch``. One timer a stream: touching it only writes a number."""

    def __init__(self, send: Callable[[bytes], Awaitable[None]], every_s: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._send = send
        self._every_s = every_s
        self._beating: asyncio.Task[None] | None = None
        self._touched_at = self._loop.time()
        self._timer = self._loop.call_later(every_s, self._fire)

    def touch(self) -> None:
        self._touched_at = self._loop.time()

    def stop(self) -> None:
        self._timer.cancel()
        if self._beating is not None:
            self._beating.cancel()

    def _fire(self) -> None:
        due_at = self._touched_at + self._every_s
        if self._loop.time() < due_at:
            self._timer = self._loop.call_at(due_at, self._fire)
            return
        if self._beating is None or self._beating.done():  # else a slow reader has not even taken the last one
            self._beating = self._loop.create_task(self._beat())
        self._timer = self._loop.call_later(self._every_s, self._fire)

    async def _beat(self) -> None:
        await self._send(sse.HEARTBEAT)
