"""A credential that ends after a while: fetched off the event loop, and anew before it ends, so that no request waits but the first."""

from __future__ import annotations

import asyncio
import concurrent.futures
import logging
import math
import threading
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


def carried(given: object) -> str:
    """``given``, which a request's header is to carry. Raises NotGiven where none can."""
    if not (isinstance(given, str) and given and given.isascii() and given.isprintable()):
        raise NotGiven("what came is no token that a header can carry")
    return given


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
        self._lack = ""  # why the last fetch brought nothing
        self._failed_at = -math.inf
        self._fetching: asyncio.Task[None] | None = None
        self._in_thread: concurrent.futures.Future[Fetched[T]] | None = None
        self._due: asyncio.TimerHandle | None = None
        self._is_closed = False

    async def get(self) -> T:
        """Raises Failure(MISCONFIGURED) when there is none, at once where that was seen just now."""
        if (have := self._valid()) is None and not 0 <= self._clock() - self._failed_at < AGAIN_S:
            await asyncio.wait((self._begin(),))  # a caller that leaves takes it from nobody else
            have = self._valid()
        if have is None:
            reason = f"{self._whose}: {self._lack or 'it was not fetched to its end: the app or its routes changed'}"
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
        """Nothing is fetched in the background any more; a request of routes that were replaced may still have it fetched."""
        self._is_closed = True
        if self._due is not None:
            self._due.cancel()
        if self._fetching is not None:
            self._fetching.cancel()

    def _valid(self) -> Fetched[T] | None:
        have = self._have
        return None if have is None or self._is_over(have) else have

    def _is_over(self, fetched: Fetched[T]) -> bool:
        return fetched.ends_at is not None and fetched.ends_at <= self._clock()

    def _begin(self) -> asyncio.Task[None]:
        if self._fetching is None or self._fetching.done():
            self._fetching = asyncio.create_task(self._renew())
        return self._fetching

    async def _renew(self) -> None:
        try:
            self._have = await self._next()
            self._came_at = self._clock()
            self._lack, self._failed_at = "", -math.inf
        except (NotGiven, TimeoutError) as error:
            self._lack = str(error) or f"nothing came within {FETCH_S:g} s"
            self._failed_at = self._clock()
            holds = " (the one that there is still holds)" if self._valid() is not None else ""
            log.warning("%s: %s%s", self._whose, self._lack, holds)
        self._schedule()

    async def _next(self) -> Fetched[T]:
        """What a fetch brings. One that hangs is waited for again rather than joined by a second; what it brings late counts."""
        running = self._in_thread
        if running is None or (running.done() and (running.exception() or self._is_over(running.result()))):
            running = self._in_thread = _started(self._whose, self._fetch)
        async with asyncio.timeout(FETCH_S):
            try:
                got = await asyncio.wrap_future(running)
            finally:
                if running.done():
                    self._in_thread = None
        if self._is_over(got):
            raise NotGiven("the credential that came has ended already: check this machine's clock")
        return got

    def _schedule(self) -> None:
        """Sets the time of the next fetch."""
        if self._due is not None:
            self._due.cancel()  # that of one that was refused
        have = self._have
        if self._is_closed or have is None or have.ends_at is None:
            return
        left_s = have.ends_at - self._clock() - self._early_s
        self._due = asyncio.get_running_loop().call_later(max(AGAIN_S, left_s), self._begin)


def _started(whose: str, fetch: Callable[[], Fetched[T]]) -> concurrent.futures.Future[Fetched[T]]:
    """``fetch`` in a thread of its own: in one of the event loop's a fetch that hangs would keep others from looking up names.

    A daemon, unlike an executor's: the process ends without waiting for it.
    """
    coming: concurrent.futures.Future[Fetched[T]] = concurrent.futures.Future()
    coming.set_running_or_notify_cancel()  # from here on whoever stops waiting cancels nothing

    def run() -> None:
        try:
            coming.set_result(_checked(fetch))
        except NotGiven as error:
            coming.set_exception(error)

    threading.Thread(target=run, name=f"fetch {whose}", daemon=True).start()
    return coming


def _checked(fetch: Callable[[], Fetched[T]]) -> Fetched[T]:
    """Raises NotGiven for whatever is wrong."""
    try:
        got = fetch()
        is_time = got.ends_at is None or math.isfinite(got.ends_at)
    except NotGiven:
        raise
    # Behind this is what three vendors' packages make of whatever a server or a file said, and their errors have no common type. A request
    # that lacks a credential is another backend's, not a 500. By the type alone: the message may quote a secret.
    except BaseException as error:  # noqa: BLE001
        raise NotGiven(f"it could not be fetched ({type(error).__name__})") from None
    if not is_time:
        raise NotGiven("what came has no time at which it ends")
    return got
