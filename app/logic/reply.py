"""One caller's answer, whatever it takes: the first backend that shows content, another one when that breaks off, and what is left when all are down."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Protocol

from app.logic import retry
from app.logic.answer import Batch, Call, Failure, Kind
from app.logic.attempt import Attempt, start
from app.logic.backend_state import BackendState
from app.logic.cache import AnswerCache
from app.logic.circuit import Circuit
from app.logic.queue import Queue
from app.logic.record import Record
from app.logic.rescue import MAX_RESCUES, Splice, continued, is_spent, is_structured, may_go_on, spent
from app.logic.routes import ModelRoute
from app.logic.transcript import Said, Transcript
from app.wire.events import End, Wire

WAKE_POLL_S = 0.25  # how often a backend that wakes up is asked again, at first
WAKE_POLL_MAX_S = 2.0


class Shared(Protocol):
    """What all requests share."""

    @property
    def queue(self) -> Queue: ...
    @property
    def budget(self) -> retry.RetryBudget: ...
    @property
    def cache(self) -> AnswerCache: ...
    def draw(self) -> float:
        """Uniform in [0, 1)."""
        ...

    def running(self) -> int:
        """How many attempts run now."""
        ...


class Reply:
    """Made by ``Router.open``. Iterate ``batches`` once, to the end; what was learnt on the way stands in ``record``.

    ``degraded``: what answered in place of the route's own backends; empty when one of them did.
    """

    def __init__(
        self, shared: Shared, call: Call, record: Record, route: ModelRoute, states: Sequence[BackendState]
    ) -> None:
        self.record = record
        self.end: End | None = None
        self.degraded = ""
        self._shared = shared
        self._call = call
        self._route = route
        self._states = states
        self._deadline = time.monotonic() + route.limits.total_s
        self._holds = route.hold_structured and is_structured(call)
        self._attempt: Attempt | None = None
        self._wire: Wire | None = None
        self._transcript = Transcript()
        self._rescues = 0
        self._broken: set[str] = set()
        self._aborted = False

    @property
    def wire(self) -> Wire:
        assert self._wire is not None
        return self._wire

    @property
    def backend(self) -> str:
        """The backend that answers now."""
        assert self._attempt is not None
        return self._attempt.state.name

    async def open(self, last_resorts: Sequence[BackendState]) -> None:
        """Returns when a backend has shown content. Raises the Failure that says most when none does."""
        try:
            self._attempt = await self._first(self._states, lambda _: self._call)
        except Failure as failure:
            if failure.is_final:
                raise
            self._attempt = await self._last_resort(last_resorts, failure)
        self._wire = self._attempt.wire

    async def _last_resort(self, last_resorts: Sequence[BackendState], failure: Failure) -> Attempt:
        for state in last_resorts:
            self.degraded = state.name
            with contextlib.suppress(Failure):
                return await self._start(state, self._call, is_last=True)
        self.degraded = ""
        raise failure

    async def _first(self, states: Sequence[BackendState], call_for: Callable[[BackendState], Call]) -> Attempt:
        """The first of ``states``, in this order, that shows content. Waits for room, for a wake-up, and before a retry."""
        tries = Tries(states, self._shared.draw)
        while True:
            state = tries.next()
            self.record.is_barred |= tries.is_barred
            if state is None:
                if not await self._wait(tries):
                    raise tries.failure or all_open(self._call.model, states)
                continue
            try:
                return await self._start(state, call_for(state), is_last=not tries.has_more)
            except Failure as failure:
                tries.failed(state, failure)
                if state.is_waking(failure):
                    self._shared.queue.wanted(self._call.model)
                if failure.is_final:
                    raise

    async def _start(self, state: BackendState, call: Call, *, is_last: bool) -> Attempt:
        """A whole answer shows nothing before its end: while another backend is left, this one may take half of the time."""
        limits, now = self._route.limits, time.monotonic()
        if call.stream:
            by = min(self._deadline, now + limits.first_token_s)
        else:
            by = self._deadline if is_last else (now + self._deadline) / 2
        whole = self._holds or not call.stream
        return await start(state, call, self.record, limits, self._deadline, whole=whole, by=by)

    async def _wait(self, tries: Tries) -> bool:
        """Waits for what may yet help; false when nothing may."""
        if tries.full:
            names = [state.name for state in tries.full]
            await self._shared.queue.room(self._call.model, self._call.key, names, self._deadline)
            return True
        if tries.waking:
            return await self._wake(tries)
        return await self._back_off(tries)

    async def _wake(self, tries: Tries) -> bool:
        """Holds the request while a backend wakes up; that time does not count towards the total limit."""
        wait_s = min(WAKE_POLL_MAX_S, WAKE_POLL_S * 2**tries.wakes)
        if tries.waited_s + wait_s > self._route.limits.wake_s:
            return False
        with self._shared.queue.holding(self._call.model):
            await asyncio.sleep(wait_s)
        self._deadline += wait_s
        tries.wake_again(wait_s)
        return True

    async def _back_off(self, tries: Tries) -> bool:
        """Asks the backend that failed last once more, where that may help and the budget allows it."""
        if tries.retries >= self._route.retries or tries.failure is None or tries.last is None:
            return False
        wait_s = retry.back_off_s(tries.failure, tries.retries, self._shared.draw())
        if wait_s is None or time.monotonic() + wait_s > self._deadline:
            return False
        if not self._shared.budget.allows(self._shared.running()):
            return False
        with self._shared.budget:
            await asyncio.sleep(wait_s)
        tries.retry()
        return True

    async def batches(self) -> AsyncGenerator[Batch]:
        """Every batch of one unbroken answer. Raises Failure when it does not come to its end in spite of everything."""
        splice: Splice | None = None
        kept: list[Batch] = []
        while self.end is None:
            assert self._attempt is not None
            try:
                async with contextlib.aclosing(self._attempt.batches()) as batches:
                    async for batch in batches:
                        joined = splice.join(batch) if splice else batch
                        self._note(joined, kept)
                        yield joined
                        if splice is not None and splice.is_over and self.end is None:
                            await self._attempt.close()
                            last = splice.stop()
                            self._note(last, kept)
                            yield last
                            break
            except Failure as failure:
                await self._attempt.close(failure)
                said = self._transcript.read() if self._may_rescue(failure) else None
                if said is None:
                    raise
                if is_spent(self._call, said):
                    last = spent(self._call, said, self.wire)
                    self._note(last, kept)
                    yield last
                else:
                    splice = await self._rescue(said, failure)
        if kept:
            self._shared.cache.keep(self._call, kept)

    def _note(self, batch: Batch, kept: list[Batch]) -> None:
        self._transcript.add(batch)
        if "cache" in self._route.when_down and not self.degraded:
            kept.append(batch)
        if batch.end is not None:
            self.end = batch.end
            self.record.finish = batch.end.reason
            if self.record.rescues:
                self.record.joined = batch.end.usage

    def _may_rescue(self, failure: Failure) -> bool:
        return (
            self._route.rescue
            and not failure.is_final
            and not self._aborted
            and self._rescues < MAX_RESCUES
            and may_go_on(self._call, self._transcript)
        )

    async def _rescue(self, said: Said, failure: Failure) -> Splice:
        """Another backend goes on where the answer broke off. Raises ``failure`` when none can."""
        self._rescues += 1
        assert self._attempt is not None
        self._broken.add(self._attempt.state.name)
        calls = {
            state.name: call
            for state in self._states
            if (call := continued(self._call, said, state.member.ability.continuation)) is not None
        }
        able = [state for state in self._states if state.name in calls]
        if not able:
            raise failure
        able.sort(key=self._least_likely)
        try:
            self._attempt = await self._first(able, lambda state: calls[state.name])
        except Failure:
            raise failure from None
        if self._aborted:
            self._attempt.abort()
        continuation = self._attempt.state.member.ability.continuation
        self.record.rescues.append(continuation)
        return Splice(self._call, said, self.wire, self._attempt.wire, continuation)

    def _least_likely(self, state: BackendState) -> tuple[bool, bool]:
        """Sorts those that broke off in this answer, and those that can only be asked to go on, behind the others."""
        return state.name in self._broken, state.member.ability.continuation == "instruct"

    def abort(self) -> None:
        """The caller is gone: the backend's connection is closed at once."""
        self._aborted = True
        if self._attempt is not None:
            self._attempt.abort()

    async def aclose(self) -> None:
        if self._attempt is not None:
            await self._attempt.close()


class Tries:
    """Which backends a request has asked, and which it may still ask."""

    def __init__(self, states: Sequence[BackendState], draw: Callable[[], float]) -> None:
        self._left = list(states)
        self._draw = draw
        self.full: list[BackendState] = []
        self.is_barred = False
        self.waking: list[BackendState] = []
        self.wakes = 0
        self.waited_s = 0.0
        self.retries = 0
        self.failure: Failure | None = None
        self.last: BackendState | None = None

    def next(self) -> BackendState | None:
        """The next backend whose circuit lets the request through and that has room; None when there is none now."""
        now = time.monotonic()
        self.full = []
        for state in self._left:
            if not state.breaker.circuit.admits(now, self._draw()):
                self.is_barred = True
                continue
            if state.has_room:
                self._left.remove(state)
                return state
            self.full.append(state)
        return None

    @property
    def has_more(self) -> bool:
        """Whether there is another backend to ask if the one that was given last fails."""
        return bool(self._left)

    def failed(self, state: BackendState, failure: Failure) -> None:
        self.failure, self.last = failure, state
        if state.is_waking(failure):
            self.waking.append(state)
        if failure.kind is Kind.CONTEXT_TOO_LONG:
            self._left = [other for other in self._left if _has_more_room(other, state)]

    def wake_again(self, waited_s: float) -> None:
        self._left = [*self.waking, *self._left]
        self.waking = []
        self.wakes += 1
        self.waited_s += waited_s

    def retry(self) -> None:
        assert self.last is not None
        self.retries += 1
        self._left.append(self.last)


def _has_more_room(other: BackendState, than: BackendState) -> bool:
    ours, theirs = than.member.ability.context, other.member.ability.context
    return ours is None or theirs is None or theirs > ours


def all_open(model: str, states: Sequence[BackendState]) -> Failure:
    """The failure of a request for which no backend may be asked: why, and when one may be again."""
    now = time.monotonic()
    soonest = min(states, key=lambda state: _asked_again_at(state.breaker.circuit))
    why = soonest.breaker.why
    wait_s = max(1.0, _asked_again_at(soonest.breaker.circuit) - now)
    text = f"no backend of model '{model}' may be asked for {wait_s:.0f} s"
    if why is None:
        return Failure(Kind.BUSY, text, status=503, retry_after_s=wait_s)
    status = why.status if why.kind is Kind.BUSY else 503
    return Failure(why.kind, f"{text}: {why.message}", status=status, retry_after_s=wait_s)


def _asked_again_at(circuit: Circuit) -> float:
    return max(circuit.open_until, circuit.busy_until)
