"""Open circuits shared by the app's replicas through Redis: what one has found broken the others need not find out by themselves.

Nothing of a request waits for Redis: a background task tells and asks once a second. While Redis is lost each replica goes by its own circuits.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
from collections.abc import Mapping
from dataclasses import replace

from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.logic.backend_state import Breaker
from app.logic.circuit import FAILURES_TO_OPEN, OPEN_MAX_S, State

EVERY_S = 1.0
TIMEOUT_S = 2.0
PREFIX = "trimaran:circuit:"

log = logging.getLogger(__name__)


class SharedCircuits:
    """``breakers`` by circuit key, live. ``password``: Redis's, where ``url`` has none. The entry in Redis is the time for which a circuit stays open: its expiry."""

    def __init__(
        self, url: str, breakers: Mapping[str, Breaker], *, password: str = "", every_s: float = EVERY_S
    ) -> None:
        self._redis = Redis.from_url(
            url, password=password or None, socket_timeout=TIMEOUT_S, socket_connect_timeout=TIMEOUT_S
        )
        self._breakers = breakers
        self._every_s = every_s
        self._told: dict[str, float] = {}
        self._lost = False

    async def run(self) -> None:
        """Tells and asks for as long as the app runs; cancel it."""
        try:
            while True:
                await self._exchange()
                await asyncio.sleep(self._every_s)
        finally:
            await self._redis.aclose()

    async def _exchange(self) -> None:
        try:
            await self._tell()
            await self._ask()
        # ValueError: the client read something that is not Redis's protocol.
        except (RedisError, OSError, ValueError) as error:
            if not self._lost:
                log.warning("Redis is lost, each replica goes by its own circuits: %s", error)
            self._lost = True
        else:
            if self._lost:
                log.info("Redis is back")
            self._lost = False

    async def _tell(self) -> None:
        """What has opened here, and what a probe has found well again before its time."""
        now = time.monotonic()
        for key, breaker in self._breakers.items():
            until = breaker.circuit.open_until
            if breaker.circuit.state(now) is State.CLOSED and self._told.pop(key, 0.0) > now:
                await self._redis.delete(shared_name(key))
            if breaker.circuit.state(now) is State.OPEN and self._told.get(key) != until:
                await self._redis.set(shared_name(key), 1, px=max(1, int((until - now) * 1000)))
                self._told[key] = until

    async def _ask(self) -> None:
        keys = list(self._breakers)
        pipeline = self._redis.pipeline(transaction=False)
        for key in keys:
            pipeline.pttl(shared_name(key))
        now = time.monotonic()
        for key, left_ms in zip(keys, await pipeline.execute(), strict=True):
            if not isinstance(left_ms, int):
                raise ValueError(f"Redis answered PTTL with {type(left_ms).__name__} instead of a number")
            breaker = self._breakers[key]
            if left_ms > 0 and breaker.circuit.state(now) is State.CLOSED:
                until = now + min(left_ms / 1000, OPEN_MAX_S)
                breaker.turn(replace(breaker.circuit, failures=FAILURES_TO_OPEN, opened=1, open_until=until))
                self._told[key] = until  # theirs to tell, not ours


def shared_name(key: str) -> str:
    """The name of a circuit's entry in Redis."""
    return PREFIX + hashlib.sha256(key.encode()).hexdigest()[:32]
