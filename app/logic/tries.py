"""Which backends a request has asked, which it may still ask, and what its caller is told when none is left."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from app.logic.answer import Failure, Kind
from app.logic.backend_state import BackendState, Breaker
from app.logic.circuit import State
from app.logic.record import AttemptRecord


class Doubt(NamedTuple):
    """A bad request of which nobody knows whose fault it is, until another backend has been asked."""

    backend: str
    failure: Failure
    noted: AttemptRecord


class Tries:
    """Which backends a request has asked, and which it may still ask. ``barred``: those that it was not let through to when it looked last."""

    def __init__(self, states: Sequence[BackendState], max_retries: int, draw: Callable[[], float]) -> None:
        self._left = list(states)
        self._now = 0.0  # when it looked last
        self._draw = draw
        self._probe: BackendState | None = None
        self._dropped: set[str] = set()
        self.max_retries = max_retries
        self.full: list[BackendState] = []
        self.barred: list[BackendState] = []
        self.waking: list[BackendState] = []
        self.wakes = 0
        self.waited_s = 0.0
        self.retries = 0
        self.failure: Failure | None = None  # the one that says most
        self.last: tuple[BackendState, Failure] | None = None
        self.doubt: Doubt | None = None

    def next(self) -> BackendState | None:
        """The next backend whose circuit lets the request through and that has room; None when there is none now.

        One that has just recovered gets its growing share of the requests that another one can take, and all others.
        """
        if (chosen := self._probe) is not None:
            self._probe = None
            self._left.remove(chosen)
            self.barred.remove(chosen)
            return chosen
        now = self._now = time.monotonic()
        self.full, self.barred = [], []
        recovering: BackendState | None = None
        for place, state in enumerate(self._left):
            circuit = state.breaker.circuit
            if not circuit.admits(now):
                self.barred.append(state)
            elif not state.has_room:
                self.full.append(state)
            elif circuit.ramp_since is None or self._draw() < circuit.share(now):
                del self._left[place]
                return state
            else:
                recovering = recovering or state
                self.barred.append(state)
        if recovering is not None:
            self._left.remove(recovering)
            self.barred.remove(recovering)
        return recovering

    @property
    def has_more(self) -> bool:
        """Whether there is another backend to ask if the one that was given last fails."""
        return any(state.breaker.circuit.admits(self._now) for state in self._left)

    @property
    def has_room(self) -> bool:
        """Whether there is another backend that takes a request at once."""
        now = time.monotonic()
        return any(state.has_room and state.breaker.circuit.admits(now) for state in self._left)

    def likeliest(self, now: float) -> BackendState | None:
        """Of those whose circuit is open, and that have not asked to be left alone, the one that is likeliest to answer."""
        open_ones = [
            state
            for state in self.barred
            if state.name not in self._dropped
            and state.has_room
            and state.circuit_state(now) is not State.CLOSED
            and now >= state.breaker.circuit.busy_until
        ]
        return min(open_ones, key=_hopelessness, default=None)

    def probe(self, state: BackendState) -> None:
        """``state`` is next, whatever its circuit says."""
        self._probe = state

    def drop(self, state: BackendState) -> None:
        """Another request's probe found it broken still."""
        self._dropped.add(state.name)

    def failed(self, state: BackendState, failure: Failure) -> None:
        self.last = state, failure
        if self.failure is None or _says(failure) >= _says(self.failure):
            self.failure = failure
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
        self._left.append(self.last[0])


# What helps a caller more comes later: that somebody's key is wrong helps least, when to come back most.
_SAY = (
    frozenset({Kind.MISCONFIGURED}),
    frozenset({Kind.BAD_REQUEST}),
    frozenset({Kind.CONTEXT_TOO_LONG}),
    frozenset(Kind) - {Kind.MISCONFIGURED, Kind.BAD_REQUEST, Kind.CONTEXT_TOO_LONG, Kind.BUSY},
    frozenset({Kind.BUSY}),
)


def _says(failure: Failure) -> tuple[int, float]:
    """The higher, the more. Of two times to come back the sooner one."""
    rank = next(rank for rank, kinds in enumerate(_SAY) if failure.kind in kinds)
    return rank, -math.inf if failure.retry_after_s is None else -failure.retry_after_s


def _has_more_room(other: BackendState, than: BackendState) -> bool:
    ours, theirs = than.member.ability.context, other.member.ability.context
    return ours is None or theirs is None or theirs > ours


def _hopelessness(state: BackendState) -> tuple[bool, float]:
    """Sorts by how unlikely it is to answer: time mends no credential, and one that failed longest ago may be well again first."""
    trouble = state.breaker.trouble
    return trouble is not None and trouble.kind is Kind.MISCONFIGURED, state.breaker.circuit.open_until


# What others are told of a failure: none of the provider's words.
_WHAT_HAPPENED = {
    Kind.BUSY: "had no room for a request",
    Kind.UNREACHABLE: "could not be reached",
    Kind.MISCONFIGURED: "refused this app's credential or its model",
    Kind.FIRST_TOKEN_LATE: "sent no content in time",
    Kind.STALLED: "fell silent in the middle of an answer",
    Kind.CUT: "broke off an answer",
    Kind.GARBLED: "sent something unreadable",
}


def all_down(model: str, states: Sequence[BackendState]) -> Failure:
    """The failure of a request for which no backend may be asked: what happened there, and when one may be asked again."""
    now = time.monotonic()
    soonest = min(states, key=lambda state: _asked_again_at(state.breaker))
    wait_s = max(1.0, _asked_again_at(soonest.breaker) - now)
    trouble = soonest.breaker.trouble
    if trouble is None:
        text = f"no backend of model '{model}' may be asked for {wait_s:.0f} s"
        return Failure(Kind.BUSY, text, reason=text, status=503, retry_after_s=wait_s)
    text = (
        f"no backend of model '{model}' may be asked for {wait_s:.0f} s: "
        f"backend '{trouble.backend}' {_WHAT_HAPPENED[trouble.kind]} {now - trouble.at:.0f} s ago"
    )
    status = trouble.status if trouble.kind is Kind.BUSY else 503
    return Failure(trouble.kind, text, reason=text, status=status, retry_after_s=wait_s)


def _asked_again_at(breaker: Breaker) -> float:
    """As the provider asked, though this app may try earlier."""
    asked = breaker.trouble.again_at if breaker.trouble is not None else 0.0
    return max(breaker.circuit.open_until, breaker.circuit.busy_until, asked)
