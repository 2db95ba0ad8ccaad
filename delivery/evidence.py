"""What was seen of the versions of an app: counts of a stretch of time, as platforms tell them and promotions are judged by them.

Everything here is plain data, so that a promotion that was killed goes on from its record.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

SIDES = ("blue", "green")
BAD_KINDS = ("attempt_failed", "cut", "rejected", "refused", "broken_schema", "empty")


@dataclass(frozen=True, slots=True)
class Unit:
    """What one step of a logarithm stands for: a value is ln(1 + x / unit), so that it is never negative."""

    size: float
    name: str
    is_time: bool = False


# The units in which the app counts them: trimaran_log_values_total.
LOG_MEASURES: Mapping[str, Unit] = {
    "first_token": Unit(1e-6, "s", is_time=True),
    "between_tokens": Unit(1e-6, "s", is_time=True),
    "whole_answer": Unit(1e-6, "s", is_time=True),
    "tokens": Unit(1.0, "tokens"),
    "usd": Unit(1e-9, "USD"),
}


class CounterReset(Exception):
    """A counter is lower than before: a process was started anew, and the time between cannot be known."""


@dataclass(frozen=True, slots=True)
class Moments:
    """How many values there were, their sum and the sum of their squares."""

    count: int = 0
    sum: float = 0.0
    squares: float = 0.0

    @property
    def mean(self) -> float:
        """Raises ZeroDivisionError when there are none."""
        return self.sum / self.count

    @property
    def spread(self) -> float:
        """The sum of squared distances from the mean, which adds up over groups; not below 0 by rounding."""
        return max(0.0, self.squares - self.sum * self.sum / self.count) if self.count else 0.0

    def __add__(self, other: Moments) -> Moments:
        return Moments(self.count + other.count, self.sum + other.sum, self.squares + other.squares)

    def __sub__(self, earlier: Moments) -> Moments:
        return Moments(self.count - earlier.count, self.sum - earlier.sum, self.squares - earlier.squares)


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What one version counted: `bad` by kind, `logs` by measure; what the platform does not know is absent, never 0.

    `running` is requests being answered by all `replicas` together: at a moment, or on average over a window.
    `at_s` is up to when the platform knows it, in Unix seconds.
    """

    requests: int
    attempts: int
    bad: Mapping[str, int] = field(default_factory=dict)
    logs: Mapping[str, Moments] = field(default_factory=dict)
    running: float = 0.0
    replicas: int = 1
    at_s: float = 0.0

    def __add__(self, later: Counts) -> Counts:
        """Both stretches of time together, with the gauges and the time of the later one. Only what both have is kept."""
        return replace(
            later,
            requests=self.requests + later.requests,
            attempts=self.attempts + later.attempts,
            bad={kind: self.bad[kind] + later.bad[kind] for kind in self.bad.keys() & later.bad.keys()},
            logs={name: self.logs[name] + later.logs[name] for name in self.logs.keys() & later.logs.keys()},
        )

    def __sub__(self, earlier: Counts) -> Counts:
        """What happened since an earlier reading; raises CounterReset. Only what both readings have is kept."""
        bad = {kind: self.bad[kind] - earlier.bad[kind] for kind in self.bad.keys() & earlier.bad.keys()}
        logs = {name: self.logs[name] - earlier.logs[name] for name in self.logs.keys() & earlier.logs.keys()}
        since = replace(
            self,
            requests=self.requests - earlier.requests,
            attempts=self.attempts - earlier.attempts,
            bad=bad,
            logs=logs,
        )
        if fallen := _fallen(since):
            raise CounterReset(f"the counter of {fallen} is lower than before: the app was started anew")
        return since

    @classmethod
    def from_json(cls, given: Mapping[str, Any]) -> Counts:
        """Read what `dataclasses.asdict` wrote."""
        logs = {name: Moments(**moments) for name, moments in given["logs"].items()}
        return cls(**{**given, "logs": logs})


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """What each revision did since a time, up to when its platform knows it.

    `since_s` is the time that was asked for, or the first after it that the platform can tell. `restarts` says of the
    revisions that began to count anew in between how that shows: some of what they did may be lost.
    """

    since_s: float
    counts: Mapping[str, Counts]
    restarts: Mapping[str, str] = field(default_factory=dict)

    @property
    def until_s(self) -> float:
        """Up to when it is known of every revision."""
        return min((each.at_s for each in self.counts.values()), default=self.since_s)

    def by_side(self, revisions: Mapping[str, str]) -> Window:
        """The same by sides, each of which is given its revision; what is not there stays absent."""
        return replace(
            self,
            counts={side: self.counts[name] for side, name in revisions.items() if name in self.counts},
            restarts={side: self.restarts[name] for side, name in revisions.items() if name in self.restarts},
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class StepWindow:
    """What both sides did during one stretch of a step, at `share` percent for green; no blue on a first deploy."""

    share: int
    blue: Counts | None
    green: Counts

    @property
    def is_alone(self) -> bool:
        """Green has all the traffic; what blue still finishes is no comparison."""
        return self.blue is None or self.share >= 100

    @property
    def sides(self) -> tuple[Counts, ...]:
        """Blue, where there is one, and green."""
        return (self.green,) if self.blue is None else (self.blue, self.green)

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)

    @classmethod
    def from_json(cls, given: Mapping[str, Any]) -> StepWindow:
        """Read what `as_json` wrote."""
        blue = given["blue"]
        return cls(
            share=given["share"],
            blue=None if blue is None else Counts.from_json(blue),
            green=Counts.from_json(given["green"]),
        )


def log_of(measure: str, value: float) -> float:
    """The logarithm under which the app counts a value, given in seconds, tokens or USD."""
    return math.log1p(value / LOG_MEASURES[measure].size)


def value_of(measure: str, logarithm: float) -> float:
    """The value, in seconds, tokens or USD, that a logarithm stands for; of a mean: the geometric mean."""
    return math.expm1(logarithm) * LOG_MEASURES[measure].size


def _fallen(since: Counts) -> str:
    counters = {
        "requests": since.requests,
        "attempts": since.attempts,
        **since.bad,
        **{name: moments.count for name, moments in since.logs.items()},
    }
    return next((name for name, count in counters.items() if count < 0), "")
