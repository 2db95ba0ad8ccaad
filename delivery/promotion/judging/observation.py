"""Turns what the platform tells into the windows of a step: drops the warm-up, notices what is missing, stale or was lost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from delivery.evidence import Counts, StepWindow, Window

STALE_S = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """A step so far. What comes next is read since `since_s`: when the warm-up began, then when it ended.

    `counts` is what each of the `sides` did since then, `warmed_up` what it did in a warm-up that is over. `past` are
    windows that are over, of earlier steps too; `problem` says what was wrong with what was read last.
    """

    share: int
    since_s: float
    sides: tuple[str, ...]
    warmed_up: Mapping[str, Counts] | None = None
    counts: Mapping[str, Counts] = field(default_factory=dict)
    past: tuple[StepWindow, ...] = ()
    problem: str = ""

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)

    @classmethod
    def from_json(cls, given: Mapping[str, Any]) -> Observation:
        """Read what `as_json` wrote."""
        warmed_up = given["warmed_up"]
        return cls(
            share=given["share"],
            since_s=given["since_s"],
            sides=tuple(given["sides"]),
            warmed_up=None if warmed_up is None else _counts(warmed_up),
            counts=_counts(given["counts"]),
            past=tuple(StepWindow.from_json(window) for window in given["past"]),
            problem=given["problem"],
        )


def begin(share: int, window: Window, past: tuple[StepWindow, ...] = ()) -> Observation:
    """Start a step with what is read first after its split was set; `past` are the windows of the steps before."""
    return Observation(share=share, since_s=window.since_s, sides=tuple(window.counts), counts=window.counts, past=past)


def observe(seen: Observation, window: Window, *, now_s: float, warm_up: int, stale_s: float = STALE_S) -> Observation:
    """Take what was read since `seen.since_s`, by side; a reading with a problem changes nothing but `problem`.

    Where some of it was lost, what was seen before is kept, and a new window begins with a warm-up of its own.
    """
    if problem := _problem(seen, window, now_s, stale_s):
        return replace(seen, problem=problem)
    if lost := _lost(seen, window):
        now = {side: window.counts[side] - window.counts[side] for side in seen.sides}
        fresh = begin(seen.share, Window(since_s=window.until_s, counts=now), windows(seen))
        return replace(fresh, problem=lost)
    counts = {side: window.counts[side] for side in seen.sides}
    if seen.warmed_up is None and window.counts["green"].requests >= warm_up:
        return replace(seen, since_s=window.until_s, warmed_up=counts, counts={}, problem="")
    return replace(seen, counts=counts, problem="")


def windows(seen: Observation) -> tuple[StepWindow, ...]:
    """Every window so far, the present one last, once it has begun."""
    if seen.warmed_up is None or not seen.counts:
        return seen.past
    present = StepWindow(share=seen.share, blue=seen.counts.get("blue"), green=seen.counts["green"])
    return (*seen.past, present)


def since_began(seen: Observation) -> Mapping[str, Counts]:
    """What each side did since the step began, or began anew, with its warm-up."""
    if seen.warmed_up is None or not seen.counts:
        return seen.warmed_up or seen.counts
    return {side: seen.warmed_up[side] + counts for side, counts in seen.counts.items()}


def _problem(seen: Observation, window: Window, now_s: float, stale_s: float) -> str:
    for side in {**dict.fromkeys(seen.sides), "green": None}:
        if side not in window.counts:
            return f"there are no metrics of {side}"
        age_s = now_s - window.counts[side].at_s
        if age_s > stale_s:
            return f"the metrics of {side} are {age_s:.0f} s old"
    return ""


def _lost(seen: Observation, window: Window) -> str:
    """Why the window does not tell all that happened since it was to begin."""
    for side in seen.sides:
        if side in window.restarts:
            return f"on {side} {window.restarts[side]}"
    if window.since_s > seen.since_s:
        return f"{window.since_s - seen.since_s:.0f} s of the metrics are lost"
    return ""


def _counts(given: Mapping[str, Any]) -> dict[str, Counts]:
    return {side: Counts.from_json(counts) for side, counts in given.items()}
