"""A credential that ends after a while: fetched off the event loop, and anew before it ends, so that no request waits but the first."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from app.logic.answer import Failure, Kind

FETCH_S = 20.0  # how long a metadata server or a token endpoint may take
AGAIN_S = 15.0  # after a fetch that failed, or that brought what was there already: metadata servers keep a token until minutes before its end

T = TypeVar("T")
log = logging.getLogger(__name__)


class NotGiven(Exception):
    """There is no credential; the text says why and what to do, and quotes no secret."""


@dataclass(frozen=True, slots=True)
class Fetched(Generic[T]):
    """``ends_at``: in seconds since 1970; None where it does not end."""

    value: T
    ends_at: float | None = None


class Kept(Generic[T]):
    """``whose``: what messages call it. ``fetch`` runs in a thread and raises NotGiven. ``early_s``: how long before the end the next is fetched."""

    def __init__(
        self, whose: str, fetch: Callable[[], Fetched[T]], *, early_s: float, clock: Callable[[], float] = time.time
    ) -> None:
        self._whose = whose
        self._fetch = fetch
        self._early_s = early_s
        self._clock = clock
        self._have: Fetched[T] | None = None
        self._came_at = 0.0
        self._fetching: asyncio.Task[None] | None = None
        self._due: asyncio.TimerHandle | None = None

    async def get(self) -> T:
        """Raises Failure(MISCONFIGURED) when there is none."""
        if (have := self._valid()) is None:
            await asyncio.shield(self._begin())  # a caller that leaves takes it from nobody else
            have = self._valid()
        if have is None:
            reason = f"{self._whose}: the credential that came has ended already: check this machine's clock"
            raise Failure(Kind.MISCONFIGURED, reason, reason=reason)
        return have.value

    def refused(self, value: T) -> None:
        """A server refused ``value``, which may have been taken back before its end: it counts as ended, unless it came just now.

        Who lacks a right would have one fetched for each request.
        """
        if self._clock() - self._came_at >= AGAIN_S:
            self.ended(value)

    def ended(self, value: T) -> None:
        """A server said that ``value`` has ended: the next that asks has it fetched anew, unless that has happened already."""
        if self._have is not None and self._have.value == value:
            self._have = None

    async def aclose(self) -> None:
        if self._due is not None:
            self._due.cancel()
        if self._fetching is not None:
            self._fetching.cancel()

    def _valid(self) -> Fetched[T] | None:
        have = self._have
        return None if have is None or (have.ends_at is not None and have.ends_at <= self._clock()) else have

    def _begin(self) -> asyncio.Task[None]:
        if self._fetching is None or self._fetching.done():
            self._fetching = asyncio.create_task(self._renew())
            self._fetching.add_done_callback(_heard)
        return self._fetching

    async def _renew(self) -> None:
        try:
            async with asyncio.timeout(FETCH_S):
                self._have = await asyncio.to_thread(self._fetch)
            self._came_at = self._clock()
        except (NotGiven, TimeoutError) as error:
            why = str(error) or f"nothing came within {FETCH_S:g} s"
            reason = f"{self._whose}: {why}"
            if self._valid() is None:
                raise Failure(Kind.MISCONFIGURED, reason, reason=reason) from None
            log.warning("%s (the one that there is still holds)", reason)
        self._schedule()

    def _schedule(self) -> None:
        """Sets the time of the next fetch."""
        if self._due is not None:
            self._due.cancel()  # that of one that was refused
        have = self._have
        if have is None or have.ends_at is None:
            return
        left_s = have.ends_at - self._clock() - self._early_s
        if self._due is not None:
            self._due.cancel()
        self._due = asyncio.get_running_loop().call_later(max(AGAIN_S, left_s), self._begin)


def _heard(task: asyncio.Task[None]) -> None:
    """Whoever waits for the fetch hears of its failure; where nobody does, the next request tries again."""
    if not task.cancelled():
        task.exception()
