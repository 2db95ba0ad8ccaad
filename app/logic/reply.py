"""One caller's answer, whatever it takes: the first backend that shows content, another one when that breaks off, and what is left when all are down."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from typing import Protocol

from msgspec.structs import replace

from app.logic import retry
from app.logic.answer import Batch, Blame, Call, Failure, Kind
from app.logic.attempt import Attempt, blame_backend, note, start
from app.logic.backend_state import BackendState
from app.logic.cache import AnswerCache
from app.logic.circuit import State
from app.logic.lengths import may_join, most_tokens
from app.logic.queue import Queue
from app.logic.record import Measured, Record
from app.logic.rescue import MAX_RESCUES, Before, Splice, continued, is_spent, is_structured, may_go_on, spent
from app.logic.routes import Continuation, ModelRoute
from app.logic.seam import StartedOver
from app.logic.transcript import Transcript
from app.logic.tries import Doubt, Tries, all_down
from app.logic.verdicts import Verdicts
from app.wire.events import End, Usage, Wire

NOTHING = contextlib.nullcontext()
MAX_BREAKS = 2  # in one answer: a backend that breaks off again where it was to go on would do so a third time
MOST_PER_PIECE = (
    4  # tokens, by our guess, in pieces that are one each: the guess may be off, and who joins tokens joins more
)
SLOW_TOKENS_PER_S = 10.0  # a model that is slower has as good as broken down
WAKE_POLL_S = 0.25  # how often a backend that wakes up is asked again, at first
WAKE_POLL_MAX_S = 2.0


# Failures of a second backend that say something of the request, and not of the backend.
_OPINIONS = frozenset({Kind.BAD_REQUEST, Kind.CONTEXT_TOO_LONG, Kind.REFUSED_BY_POLICY, Kind.DEADLINE})


class Shared(Protocol):
    """What all requests share."""

    @property
    def queue(self) -> Queue: ...
    @property
    def budget(self) -> retry.RetryBudget: ...
    @property
    def cache(self) -> AnswerCache: ...
    @property
    def verdicts(self) -> Verdicts: ...
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
        self._prompt: Usage | None = None
        self._output = 0  # tokens, of the attempts that broke off
        self._is_lacking = False  # a backend lacks a field of the request
        self._broken: dict[str, int] = {}  # how often each backend broke off
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

    @property
    def ignored(self) -> frozenset[str]:
        """The fields of the request that the backend which answers now did not get."""
        assert self._attempt is not None
        return self._attempt.ignored

    async def open(self, last_resorts: Sequence[BackendState]) -> None:
        """Returns when a backend has shown content. Raises the Failure that says most when none does."""
        try:
            self._attempt = await self._first(self._states, lambda _: self._call, retries=self._route.retries)
        except Failure as failure:
            if failure.is_final:
                raise
            self._attempt = await self._without_unsupported() or await self._last_resort(last_resorts, failure)
        self._wire = self._attempt.wire

    async def _without_unsupported(self) -> Attempt | None:
        """No backend takes some field of the request: they are asked again without it, where the route says so."""
        if not (self._is_lacking and self._route.unsupported == "drop"):
            return None
        call = replace(self._call, drops_unsupported=True)
        with contextlib.suppress(Failure):
            return await self._first(self._states, lambda _: call, retries=0)
        return None

    async def _last_resort(self, last_resorts: Sequence[BackendState], failure: Failure) -> Attempt:
        if failure.kind is Kind.BAD_REQUEST:
            raise failure  # nothing is down
        for state in last_resorts:
            if state.breaker.circuit.is_probed(time.monotonic()):
                continue  # its probe is another request's
            self.degraded = state.name
            with contextlib.suppress(Failure):
                return await self._start(state, self._call, is_last=True)
        self.degraded = ""
        raise failure

    async def _first(
        self, states: Sequence[BackendState], call_for: Callable[[BackendState], Call], *, retries: int
    ) -> Attempt:
        """The first of ``states``, in this order, that shows content. Waits for room, for a wake-up, and before a retry."""
        tries = Tries(states, retries, self._shared.draw)
        try:
            while True:
                state = tries.next()
                if state is not None:
                    try:
                        with self._shared.budget if tries.doubt else NOTHING:
                            attempt = await self._start(state, call_for(state), is_last=not tries.has_more)
                    except Failure as failure:
                        self._failed(state, failure, tries)
                    else:
                        self._settle(tries)
                        return attempt
                elif tries.doubt is not None:
                    raise self._confirmed(tries.doubt, tries.doubt.failure)
                elif not await self._wait(tries):
                    raise tries.failure or all_down(self._call.model, states)
        finally:
            self.record.is_barred |= bool(tries.barred)

    def _failed(self, state: BackendState, failure: Failure, tries: Tries) -> None:
        """Notes what ``failure`` means for the others. Raises a Failure where no other may be asked."""
        doubt = tries.doubt
        tries.failed(state, failure)
        if state.is_waking(failure):
            self._shared.queue.wanted(self._call.model)
        if doubt is not None:
            if failure.kind in _OPINIONS or not tries.has_room:
                raise self._confirmed(doubt, failure) from None
            return
        if failure.kind is Kind.BAD_REQUEST:
            self._doubt(state, failure, tries)
        if failure.is_final:
            raise failure

    def _settle(self, tries: Tries) -> None:
        """A backend has answered: if another one's refusal was doubted, it was that one's fault."""
        if (doubt := tries.doubt) is not None:
            self._shared.verdicts.keep(self._call.key, doubt.backend, doubt.failure, Blame.BACKEND)
            blame_backend(doubt.noted)

    def _doubt(self, state: BackendState, failure: Failure, tries: Tries) -> None:
        """Settles whose fault a bad request is, as far as that is known; else one further backend is asked, where there is one."""
        noted, was_known = self.record.attempts[-1], failure.blame is not Blame.UNKNOWN
        failure.blame = self._shared.verdicts.of(self._call.key, state.name, failure)
        self._is_lacking |= failure.blame is Blame.BACKEND
        if failure.blame is Blame.UNKNOWN:
            if tries.has_room and self._shared.budget.allows(self._shared.running()):
                tries.doubt = Doubt(state.name, failure, noted)
            else:
                failure.blame = Blame.CALLER
        elif failure.blame is Blame.BACKEND and not was_known:
            blame_backend(noted)  # as was found out before

    def _confirmed(self, doubt: Doubt, second: Failure) -> Failure:
        """What the caller hears when a second backend did not take the request either: what the first one said."""
        if second is not doubt.failure and second.kind is Kind.BAD_REQUEST and second.blame is not Blame.BACKEND:
            self._shared.verdicts.keep(self._call.key, doubt.backend, doubt.failure, Blame.CALLER)
        doubt.failure.blame = Blame.CALLER
        return doubt.failure

    def _start(self, state: BackendState, call: Call, *, is_last: bool) -> Coroutine[None, None, Attempt]:
        """A whole answer shows nothing before its end. So where another backend could be asked instead, it is asked for as a stream and
        joined, and watched like one; or it is short, and its length says how long it may take.
        """
        limits, now = self._route.limits, time.monotonic()
        patience_s = limits.first_token(is_last=is_last, thinks=state.member.ability.thinks)
        joins = False
        by = now + patience_s
        if not call.stream:
            is_watched = not is_last or state.circuit_state(now) is not State.CLOSED
            most = most_tokens(call.body)
            joins = is_watched and may_join(call, most)
            if not joins:
                by = self._deadline if is_last else (now + self._deadline) / 2
                if is_watched and most is not None:
                    by = now + patience_s + most / SLOW_TOKENS_PER_S
        return start(
            state,
            call,
            self.record,
            limits,
            self._deadline,
            whole=self._holds or not call.stream,
            by=min(by, self._deadline),
            joins=joins,
        )

    async def _wait(self, tries: Tries) -> bool:
        """Waits for what may yet help; false when nothing may."""
        if tries.full:
            names = [state.name for state in tries.full]
            await self._shared.queue.room(self._call.model, self._call.key, names, self._deadline)
            return True
        if tries.waking:
            return await self._wake(tries)
        return await self._back_off(tries) or await self._probe(tries)

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
        if tries.retries >= tries.max_retries or tries.last is None:
            return False
        state, failure = tries.last
        if state.circuit_state(time.monotonic()) is not State.CLOSED:
            return False  # it has been the probe, or its failure was the last that was missing
        wait_s = retry.back_off_s(failure, tries.retries, self._shared.draw())
        if wait_s is None or time.monotonic() + wait_s > self._deadline:
            return False
        if not self._shared.budget.allows(self._shared.running()):
            return False
        with self._shared.budget:
            await asyncio.sleep(wait_s)
        tries.retry()
        return True

    async def _probe(self, tries: Tries) -> bool:
        """With nobody else left to ask, a backend whose circuit is open is asked all the same: by one request, for whose outcome all others wait."""
        now = time.monotonic()
        state = tries.likeliest(now)
        if state is None:
            return False
        if not state.breaker.circuit.is_probed(now):
            tries.probe(state)
            return True
        by = min(self._deadline, now + self._route.limits.first_token(is_last=True))
        with self._shared.queue.holding(self._call.model):
            told = await state.breaker.probed(by)
        if told and state.circuit_state(time.monotonic()) is not State.CLOSED:
            tries.drop(state)
        return True

    def whole(self) -> bytes:
        """The answer to a call that is not streamed, which was complete when ``open`` returned."""
        assert self._attempt is not None
        batches = self._attempt.whole()
        for batch in batches:
            self._ended(batch)
        self._keep(batches)
        return b"".join([batch.raw for batch in batches])

    async def batches(self) -> AsyncGenerator[Batch]:
        """Every batch of one unbroken answer. Raises Failure when it does not come to its end in spite of everything."""
        splice: Splice | None = None
        kept: list[Batch] = []
        while self.end is None:
            assert self._attempt is not None
            try:
                async with contextlib.aclosing(self._attempt.batches()) as batches:
                    async for batch in batches:
                        joined = self._joined(splice, batch) if splice else batch
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
                self._count(self._attempt)
                before = self._before() if self._may_rescue(failure) else None
                if before is None:
                    raise
                if is_spent(self._call, before.output):
                    last = spent(self._call, before, self.wire)
                    self._note(last, kept)
                    yield last
                else:
                    splice = await self._rescue(before, failure)
        self._keep(kept)

    def _joined(self, splice: Splice, batch: Batch) -> Batch:
        """``batch`` as the rest of the answer. Raises Failure when the backend starts the answer over: it works, so its circuit hears nothing."""
        try:
            return splice.join(batch)
        except StartedOver:
            assert self._attempt is not None
            text = f"backend '{self.backend}' was asked to go on and started its answer over"
            failure = Failure(Kind.CUT, text, reason=text, billed="yes")
            note(self._attempt.noted, failure)
            self._attempt.abort()
            self._attempt.is_shown = False
            self._broken[self.backend] = MAX_BREAKS
            raise failure from None

    def _count(self, attempt: Attempt) -> None:
        """Adds what ``attempt`` gave of an answer that broke off: the tokens that the model reported.

        Where it reported none, each piece of text is one, as with most servers, unless our guess says that it cannot be.
        """
        if not attempt.is_shown:
            return
        noted, counted = attempt.noted, attempt.counted
        tokens = noted.usage.completion if noted.usage else 0
        if noted.measured is Measured.ESTIMATED:
            pieces = attempt.transcript.read().pieces
            tokens = pieces if tokens <= MOST_PER_PIECE * pieces else tokens
        self._output += tokens
        if not self.record.rescues and counted is not None and counted.prompt:
            self._prompt = counted

    def _before(self) -> Before:
        return Before(said=self._transcript.read(), prompt=self._prompt, output=self._output)

    def _note(self, batch: Batch, kept: list[Batch]) -> None:
        self._transcript.add(batch)
        if self._is_kept:
            kept.append(batch)
        self._ended(batch)

    def _keep(self, batches: Sequence[Batch]) -> None:
        """For the time when all backends are down."""
        if batches and self._is_kept:
            self._shared.cache.keep(self._call, batches)

    @property
    def _is_kept(self) -> bool:
        return "cache" in self._route.when_down and not self.degraded

    def _ended(self, batch: Batch) -> None:
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

    async def _rescue(self, before: Before, failure: Failure) -> Splice:
        """Another backend goes on where the answer broke off. Raises ``failure`` when none can."""
        self._rescues += 1
        assert self._attempt is not None
        self._broken[self.backend] = self._broken.get(self.backend, 0) + 1
        calls = {
            state.name: call
            for state in self._states
            if self._broken.get(state.name, 0) < MAX_BREAKS
            and (call := self._continued(before, state.member.ability.continuation)) is not None
        }
        able = [state for state in self._states if state.name in calls]
        if not able:
            raise failure
        able.sort(key=self._least_likely)
        try:
            self._attempt = await self._first(able, lambda state: calls[state.name], retries=0)
        except Failure:
            raise failure from None
        if self._aborted:
            self._attempt.abort()
        continuation = self._attempt.state.member.ability.continuation
        self.record.rescues.append(continuation)
        return Splice(self._call, before, self.wire, self._attempt.wire, continuation)

    def _continued(self, before: Before, continuation: Continuation) -> Call | None:
        return continued(self._call, before.said, continuation, used=before.output, go_on=self._route.go_on)

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
