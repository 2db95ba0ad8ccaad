"""When a backend is left alone and how it comes back: closed, open, half-open with one probe, then a ramp. Pure: the clock is passed in.

One circuit stands for one (backend, model, credential). Times are those of ``time.monotonic``, in seconds.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum

from app.logic.answer import Failure, Kind

FAILURES_TO_OPEN = 3  # in a row: one broken connection is no outage
OPEN_S = 5.0  # the first time; doubled after each probe that fails
OPEN_MAX_S = 60.0
PROBE_MAX_S = 120.0  # a probe that says nothing for so long has got lost, and another may go
RAMP_S = 10.0  # after a probe that succeeded the share of traffic grows to all of it in this time
RAMP_FROM = 0.1

# Says that the backend, or our way to it, is broken.
_COUNTS = frozenset({Kind.UNREACHABLE, Kind.FIRST_TOKEN_LATE, Kind.STALLED, Kind.CUT, Kind.GARBLED})


class State(IntEnum):
    """The values of the metric trimaran_circuit_state."""

    CLOSED = 0
    HALF_OPEN = 1
    OPEN = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Circuit:
    failures: int = 0  # in a row
    opened: int = 0  # times in a row without a success between them
    open_until: float = 0.0
    probe_since: float | None = None
    ramp_since: float | None = None
    busy_until: float = 0.0

    def state(self, now: float) -> State:
        if not self.opened:
            return State.CLOSED
        return State.OPEN if now < self.open_until else State.HALF_OPEN

    def admits(self, now: float, draw: float) -> bool:
        """Whether a request may go there now. ``draw`` is uniform in [0, 1): it decides who is let through during the ramp."""
        if now < self.busy_until:
            return False
        match self.state(now):
            case State.OPEN:
                return False
            case State.HALF_OPEN:
                return self.probe_since is None or now - self.probe_since > PROBE_MAX_S
            case State.CLOSED:
                return self.ramp_since is None or draw < self._ramp(now, self.ramp_since)

    @staticmethod
    def _ramp(now: float, since: float) -> float:
        return RAMP_FROM + (1 - RAMP_FROM) * (now - since) / RAMP_S

    def sent(self, now: float) -> Circuit:
        """A request goes there: in half-open it is the one probe."""
        return replace(self, probe_since=now) if self.state(now) is State.HALF_OPEN else self

    def succeeded(self, now: float) -> Circuit:
        """An answer showed content: a probe has found the backend well again. It may still break off, so its failures stay counted."""
        if self.opened:
            return Circuit(ramp_since=now)
        if self.ramp_since is not None and now - self.ramp_since > RAMP_S:
            return replace(self, ramp_since=None)
        return self

    def completed(self) -> Circuit:
        """An answer came to its end."""
        return replace(self, failures=0) if self.failures else self

    def failed(self, now: float, failure: Failure) -> Circuit:
        """An attempt ended with ``failure``; what is the caller's fault, or a full house, says nothing against the backend."""
        if failure.kind is Kind.BUSY:
            return replace(self, busy_until=now + (failure.retry_after_s or 0.0), probe_since=None)
        if failure.kind is Kind.MISCONFIGURED:
            return self._open(now, failures=self.failures + 1)
        if failure.kind not in _COUNTS:
            return replace(self, probe_since=None) if self.probe_since is not None else self
        failures = self.failures + 1
        if self.opened or failures >= FAILURES_TO_OPEN or self.ramp_since is not None:
            return self._open(now, failures=failures)
        return replace(self, failures=failures)

    def _open(self, now: float, *, failures: int) -> Circuit:
        if self.state(now) is State.OPEN:  # requests that were under way when it opened: no news
            return replace(self, failures=failures)
        opened = self.opened + 1
        open_s = min(OPEN_MAX_S, OPEN_S * 2 ** (opened - 1))
        return Circuit(failures=failures, opened=opened, open_until=now + open_s)

    def abandoned(self) -> Circuit:
        """The caller left before the attempt said anything: a probe's place is free again."""
        return replace(self, probe_since=None)
