"""Each backend as the router sees it now: what runs there, how fast it answers, and its circuit. Lives as long as the app, across reloads."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from app.logic.answer import Backend, Failure, Kind
from app.logic.circuit import COUNTS, Circuit, Sent, State
from app.logic.price import Rates
from app.logic.selection import Ability, Candidate, Needs

# How a backend that is scaled to zero answers: nobody listens, or a load balancer has nobody behind it.
ASLEEP = frozenset({Kind.UNREACHABLE, Kind.BUSY})
LATENCY_FADES_S = 10.0  # Finagle's peak EWMA: a rise counts at once, a fall with this time constant


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A backend of the routes file with what is known of it. Those with the same ``circuit_key`` fail together."""

    backend: Backend
    rates: Rates | None
    circuit_key: str
    ability: Ability = field(default_factory=Ability)
    max_running: int = 64
    scale_to_zero: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """What is told of a failure to those whose request it was not: nothing that the provider said, or that was said to it.

    ``at`` and ``again_at``, until when the provider asked to be left alone, are times of ``time.monotonic``.
    """

    kind: Kind
    status: int | None
    backend: str
    at: float
    again_at: float


class Breaker:
    """One circuit, shared by all that have the same provider, model and credential."""

    def __init__(self) -> None:
        self.circuit = Circuit()
        self.trouble: Trouble | None = None  # the last one
        self._waiting: list[asyncio.Future[bool]] = []

    def turn(self, circuit: Circuit, *, told: bool = True) -> None:
        """``told``: whether a probe that is over with this has said anything of the backend; its caller may have left before."""
        is_over = self.circuit.probe_since is not None and circuit.probe_since is None
        self.circuit = circuit
        if is_over:
            for place in self._waiting:
                if not place.done():
                    place.set_result(told)

    async def probed(self, by: float) -> bool:
        """Waits until the probe is over, or until ``by``; whether it said anything."""
        place: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting.append(place)
        try:
            async with asyncio.timeout_at(by):
                return await place
        except TimeoutError:
            return True
        finally:
            self._waiting.remove(place)


class BackendState:
    """One backend. ``freed`` is called when a place there is given back; ``kept``: places that are promised to requests that waited."""

    def __init__(self, member: Member, breaker: Breaker, freed: Callable[[BackendState], None]) -> None:
        self._freed = freed
        self.member = member
        self.breaker = breaker
        self.running = self.kept = 0
        self.latency_s: float | None = None
        self._latency_at = 0.0

    @property
    def name(self) -> str:
        return self.member.backend.name

    @property
    def has_room(self) -> bool:
        return self.running + self.kept < self.member.max_running

    def circuit_state(self, now: float) -> State:
        return self.breaker.circuit.state(now)

    def candidate(self, weight: int, needs: Needs) -> Candidate:
        member = self.member
        return Candidate(
            name=self.name,
            weight=weight,
            running=self.running,
            max_running=member.max_running,
            latency_s=self.latency_s,
            rates=member.rates,
            able=member.ability.meets(needs),
        )

    def sent(self, sent: Sent) -> None:
        self.running += 1
        self._turn(self.breaker.circuit.sent(sent.at))

    def _turn(self, circuit: Circuit) -> None:
        if circuit is not self.breaker.circuit:
            self.breaker.turn(circuit)

    def released(self) -> None:
        self.running -= 1
        self._freed(self)

    def succeeded(self, first_content_s: float, sent: Sent) -> None:
        now = time.monotonic()
        self._turn(self.breaker.circuit.succeeded(now, sent))
        self.latency_s = _peak_ewma(self.latency_s, first_content_s, now - self._latency_at)
        self._latency_at = now

    def is_waking(self, failure: Failure) -> bool:
        """Whether the backend failed because it is asleep, or loads its model: then it is no worse than before."""
        return failure.waking or (self.member.scale_to_zero and failure.kind in ASLEEP)

    def failed(self, failure: Failure, sent: Sent) -> None:
        if self.is_waking(failure):
            self.abandoned(sent)
            return
        now = time.monotonic()
        self.breaker.turn(self.breaker.circuit.failed(now, failure, sent), told=failure.tells_all)
        if failure.kind is Kind.BUSY or failure.kind in COUNTS:
            again_at = now + (failure.retry_after_s or 0.0)
            self.breaker.trouble = Trouble(
                kind=failure.kind, status=failure.status, backend=self.name, at=now, again_at=again_at
            )

    def completed(self) -> None:
        self._turn(self.breaker.circuit.completed())

    def abandoned(self, sent: Sent) -> None:
        self.breaker.turn(self.breaker.circuit.abandoned(sent), told=False)


def _peak_ewma(before_s: float | None, now_s: float, since_s: float) -> float:
    if before_s is None or now_s >= before_s:
        return now_s
    return now_s + (before_s - now_s) * math.exp(-since_s / LATENCY_FADES_S)
