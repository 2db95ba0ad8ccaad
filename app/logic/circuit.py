"""When a backend is left alone and how it comes back: closed, open, half-open with one probe, then a ramp. Pure: the clock is passed in.

One circuit stands for one (backend, model, credential). Times are those of ``time.monotonic``, in seconds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import NamedTuple

from app.logic.answer import Failure, Kind

FAILURES_TO_OPEN = 3  # requests that failed without a complete answer between them: one broken connection is no outage
APART_S = 2.0  # requests that overlap fail of one cause, such as a restart; so far apart they fail of one that lasts
OPEN_S = 5.0  # the first time; doubled after each probe that fails
OPEN_MAX_S = 60.0
PROBE_MAX_S = 120.0  # a probe that says nothing for so long has got lost, and another may go
RAMP_S = 10.0  # after a probe that succeeded the share of traffic grows to all of it in this time
RAMP_FROM = 0.1
REST_MAX_S = 60.0  # a provider that asks for more is asked again after it by one probe, then after twice as long

# Says that the backend, or our way to it, is broken. A wrong key is wrong for all, but a firewall's 403 may be for one prompt: so it counts
# like the others, rather than opening the circuit at once.
COUNTS = frozenset({Kind.UNREACHABLE, Kind.FIRST_TOKEN_LATE, Kind.STALLED, Kind.CUT, Kind.GARBLED, Kind.MISCONFIGURED})


class State(IntEnum):
    """The values of the metric trimaran_circuit_state."""

    CLOSED = 0
    HALF_OPEN = 1
    OPEN = 2


class Sent(NamedTuple):
    """One attempt. ``request_at``: when its request began; ``again``: the request has failed there before."""

    at: float
    request_at: float
    again: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Circuit:
    failures: int = 0  # of different requests, since the last complete answer
    failed_at: float = -math.inf
    opened: int = 0  # times in a row without a success between them
    open_until: float = 0.0
    probe_since: float | None = None
    ramp_since: float | None = None
    busy_until: float = 0.0
    rests: int = 0  # times in a row that it asked to be left alone for more than REST_MAX_S

    def state(self, now: float) -> State:
        if not self.opened:
            return State.CLOSED
        return State.OPEN if now < self.open_until else State.HALF_OPEN

    def admits(self, now: float) -> bool:
        """Whether a request may go there now, if it belongs to the ``share`` that does."""
        if now < self.busy_until:
            return False
        if not (self.opened or self.rests):
            return True
        return self.state(now) is not State.OPEN and not self.is_probed(now)

    def share(self, now: float) -> float:
        """Which share of the traffic goes there after a recovery, from a tenth to all (1.0), while others can take the rest."""
        if self.ramp_since is None:
            return 1.0
        return min(1.0, RAMP_FROM + (1 - RAMP_FROM) * (now - self.ramp_since) / RAMP_S)

    def is_probed(self, now: float) -> bool:
        return self.probe_since is not None and now - self.probe_since <= PROBE_MAX_S

    def sent(self, now: float) -> Circuit:
        """A request goes there: unless all do, it is the one probe."""
        return replace(self, probe_since=now) if self.opened or self.rests else self

    def succeeded(self, now: float, sent: Sent) -> Circuit:
        """An answer showed content: a probe has found the backend well again. It may still break off, so its failures stay counted.

        That an older stream goes on says nothing of whether more requests are welcome.
        """
        if self.opened:
            return Circuit(ramp_since=now, busy_until=self.busy_until)
        if self.rests and sent.at == self.probe_since:
            return replace(self, rests=0, probe_since=None)
        if self.ramp_since is not None and now - self.ramp_since > RAMP_S:
            return replace(self, ramp_since=None)
        return self

    def completed(self) -> Circuit:
        """An answer came to its end."""
        return replace(self, failures=0) if self.failures else self

    def failed(self, now: float, failure: Failure, sent: Sent) -> Circuit:
        """The attempt ``sent`` ended with ``failure``; what is the caller's fault, or a full house, says nothing against the backend."""
        is_probe = sent.at == self.probe_since
        circuit = replace(self, probe_since=None) if is_probe else self
        if failure.kind is Kind.BUSY:
            return circuit._rest(now, failure.retry_after_s or 0.0)
        if failure.kind not in COUNTS or not failure.is_proven:
            return circuit
        if self.opened:
            return circuit._open(now) if is_probe and now >= self.open_until else circuit
        if sent.again or (sent.request_at < self.failed_at and now - self.failed_at < APART_S):
            return circuit
        circuit = replace(circuit, failures=self.failures + 1, failed_at=now)
        is_enough = circuit.failures >= FAILURES_TO_OPEN or circuit.ramp_since is not None
        return circuit._open(now) if is_enough else circuit

    def _open(self, now: float) -> Circuit:
        opened = self.opened + 1
        open_s = min(OPEN_MAX_S, OPEN_S * 2.0 ** (opened - 1))
        return Circuit(failures=self.failures, failed_at=now, opened=opened, open_until=now + open_s)

    def _rest(self, now: float, wait_s: float) -> Circuit:
        """It asked to be left alone for ``wait_s``."""
        if wait_s <= REST_MAX_S:
            return replace(self, busy_until=max(self.busy_until, now + wait_s), rests=0)
        if now < self.busy_until:
            return self  # requests that were under way when it asked first: no news
        rests = self.rests + 1
        return replace(self, rests=rests, busy_until=now + min(wait_s, REST_MAX_S * 2.0 ** min(rests - 1, 16)))

    def abandoned(self, sent: Sent) -> Circuit:
        """The caller left before the attempt said anything: a probe's place is free again."""
        return replace(self, probe_since=None) if sent.at == self.probe_since else self
