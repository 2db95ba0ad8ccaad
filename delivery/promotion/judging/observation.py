"""Turns readings of counters into windows of a step: drops the warm-up, notices what is missing, stale or was reset."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from delivery.evidence import SIDES, CounterReset, Counts, Moments, StepWindow

Reading = Mapping[str, Counts]

STALE_S = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """A step so far. The window runs from `baseline`, the first reading after the warm-up, to `latest`.

    `past` are windows that are over, of earlier steps too; `problem` says what was wrong with the last reading.
    """

    share: int
    began: Reading
    latest: Reading
    baseline: Reading | None = None
    running: Mapping[str, Moments] = field(default_factory=dict)
    past: tuple[StepWindow, ...] = ()
    problem: str = ""

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)

    @classmethod
    def from_json(cls, given: Mapping[str, Any]) -> Observation:
        """Read what `as_json` wrote."""
        return cls(
            share=given["share"],
            began=_reading(given["began"]),
            latest=_reading(given["latest"]),
            baseline=None if given["baseline"] is None else _reading(given["baseline"]),
            running={side: Moments(**moments) for side, moments in given["running"].items()},
            past=tuple(StepWindow.from_json(window) for window in given["past"]),
            problem=given["problem"],
        )


def begin(share: int, reading: Reading, past: tuple[StepWindow, ...] = ()) -> Observation:
    """Start a step with the first reading after its split was set; `past` are the windows of the steps before."""
    return Observation(share=share, began=reading, latest=reading, past=past)


def observe(
    seen: Observation, reading: Reading, *, now_s: float, warm_up: int, stale_s: float = STALE_S
) -> Observation:
    """Add a reading; one with a problem changes nothing but `problem`.

    After a reset what was seen before it is kept, and a new window begins with a warm-up of its own.
    """
    if problem := _problem(seen, reading, now_s, stale_s):
        return replace(seen, problem=problem)
    try:
        for side in seen.latest:
            _ = reading[side] - seen.latest[side]
    except CounterReset as reset:
        fresh = begin(seen.share, reading, windows(seen))
        return replace(fresh, problem=f"on {side} {reset}")
    is_warm = reading["green"].requests - seen.began["green"].requests >= warm_up
    if seen.baseline is None:
        return replace(seen, latest=reading, baseline=reading if is_warm else None, problem="")
    running = {side: seen.running.get(side, Moments()) + _sample(counts) for side, counts in reading.items()}
    return replace(seen, latest=reading, running=running, problem="")


def windows(seen: Observation) -> tuple[StepWindow, ...]:
    """Every window so far, the present one last, once it has begun."""
    if seen.baseline is None or seen.latest == seen.baseline:
        return seen.past
    sides = {side: _window(seen, seen.baseline, side) for side in SIDES if side in seen.latest}
    return (*seen.past, StepWindow(share=seen.share, blue=sides.get("blue"), green=sides["green"]))


def _window(seen: Observation, baseline: Reading, side: str) -> Counts:
    running = seen.running.get(side, Moments())
    return replace(seen.latest[side] - baseline[side], running=running.mean if running.count else 0.0)


def _problem(seen: Observation, reading: Reading, now_s: float, stale_s: float) -> str:
    for side in seen.began.keys() | {"green"}:
        if side not in reading:
            return f"there are no metrics of {side}"
        age_s = now_s - reading[side].at_s
        if age_s > stale_s:
            return f"the metrics of {side} are {age_s:.0f} s old"
    return ""


def _sample(counts: Counts) -> Moments:
    return Moments(1, counts.running, counts.running * counts.running)


def _reading(given: Mapping[str, Any]) -> Reading:
    return {side: Counts.from_json(counts) for side, counts in given.items()}
