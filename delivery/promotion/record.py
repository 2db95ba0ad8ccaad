"""A promotion's state, written after each step: whoever was killed can be taken over, and whoever watches can read."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Any

from delivery.evidence import CounterReset, Counts, Moments, StepWindow
from delivery.platforms.records import Hold, RecordStore, UnreadableRecord
from delivery.promotion.judging.measure import Judgement
from delivery.promotion.judging.observation import Observation
from delivery.promotion.judging.steps import OnUndecided
from delivery.verdict import Verdict

SCHEMA = "trimaran.promotion/1"
MAX_POINTS = 600

Document = Mapping[str, Any]  # what another part wrote for its readers, and only a report reads again


class Phase(StrEnum):
    """Where a promotion stands; each is safe to begin again."""

    PREPARE = "prepare"
    DEPLOY = "deploy"
    SMOKE = "smoke"
    COMPARE = "compare"
    TRAFFIC = "traffic"
    ADOPT = "adopt"
    ROLL_BACK = "roll_back"
    DONE = "done"


class Outcome(StrEnum):
    """How it ended, or for `held` that somebody has to decide."""

    PROMOTED = "promoted"
    ROLLED_BACK = "rolled_back"
    HELD = "held"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """By what green differs from blue: settings by their keys in config."""

    settings: Mapping[str, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """As config has it under `candidate`."""
        return {"settings": dict(self.settings)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """How it is to go, as config said when it began, in steps that the platform can make."""

    steps: tuple[int, ...]
    max_bake_s: float
    margin_points: float
    on_undecided: OnUndecided


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """What was done, when, at which phase and share of green's."""

    at: str
    phase: Phase
    share: int
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StepResult:
    """The latest judgement at a share, the comparison of the sample behind it, and how long the step has taken."""

    share: int
    judgement: Judgement
    quality: Document | None
    seconds: float

    def as_json(self) -> dict[str, Any]:
        return {
            "share": self.share,
            "judgement": self.judgement.as_json(),
            "quality": self.quality,
            "seconds": self.seconds,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A moment of the charts: what both sides have done since the step began, by side; `at` is Unix time."""

    at: float
    share: int
    requests: Mapping[str, int]
    bad: Mapping[str, int]
    first_token_s: Mapping[str, float]
    verdict: Verdict | None


@dataclass(slots=True, kw_only=True)
class Promotion:
    """Everything that is known of one promotion. `share` is green's percent that was set last."""

    id: str
    stack: str
    target: str
    candidate: Change
    previous: Mapping[str, str] | None
    blue: str
    green: str
    suite: str
    rollout: Course
    low_traffic: bool = False
    began_at: str = ""
    updated_at: str = ""
    phase: Phase = Phase.PREPARE
    share: int = 0
    step_began_at: float | None = None
    outcome: Outcome | None = None
    verdict: Verdict | None = None
    words: str = ""
    history: tuple[Note, ...] = ()
    smoke: Document | None = None
    comparison: Document | None = None
    steps: tuple[StepResult, ...] = ()
    series: tuple[Point, ...] = ()
    pairs: Mapping[str, Moments] = field(default_factory=dict)
    past: tuple[StepWindow, ...] = ()
    observation: Observation | None = None

    @property
    def is_over(self) -> bool:
        return self.phase is Phase.DONE

    @property
    def revisions(self) -> Mapping[str, str]:
        return {"blue": self.blue, "green": self.green}

    def enter(self, phase: Phase, words: str) -> None:
        """Goes to a phase and remembers when and why."""
        self.phase = phase
        self.note(words)

    def note(self, words: str) -> None:
        self.history = (*self.history, Note(at=now(), phase=self.phase, share=self.share, words=words))

    def settle(self, verdict: Verdict, words: str) -> None:
        self.verdict, self.words = verdict, words

    def judged(self, judgement: Judgement, quality: Document | None, seconds: float) -> None:
        """Keeps the latest judgement of each step."""
        result = StepResult(share=self.share, judgement=judgement, quality=quality, seconds=round(seconds, 1))
        self.steps = (*(step for step in self.steps if step.share != self.share), result)

    def add_point(self, point: Point) -> None:
        """Adds a moment to the charts; when there are too many, every other one goes."""
        self.series = (*self.series, point)
        if len(self.series) > MAX_POINTS:
            self.series = self.series[::2]

    def as_json(self) -> dict[str, Any]:
        return {
            "schema": SCHEMA,
            "id": self.id,
            "stack": self.stack,
            "target": self.target,
            "candidate": self.candidate.as_json(),
            "previous": None if self.previous is None else dict(self.previous),
            "blue": self.blue,
            "green": self.green,
            "suite": self.suite,
            "rollout": {**asdict(self.rollout), "steps": list(self.rollout.steps)},
            "low_traffic": self.low_traffic,
            "began_at": self.began_at,
            "updated_at": self.updated_at,
            "phase": self.phase,
            "share": self.share,
            "step_began_at": self.step_began_at,
            "outcome": self.outcome,
            "verdict": self.verdict,
            "words": self.words,
            "history": [asdict(note) for note in self.history],
            "smoke": self.smoke,
            "comparison": self.comparison,
            "steps": [step.as_json() for step in self.steps],
            "series": [asdict(point) for point in self.series],
            "pairs": {name: [seen.count, seen.sum, seen.squares] for name, seen in self.pairs.items()},
            "past": [window.as_json() for window in self.past],
            "observation": None if self.observation is None else self.observation.as_json(),
        }

    def report(self) -> dict[str, Any]:
        """The state for people: without what only a command needs that goes on with it."""
        return {name: value for name, value in self.as_json().items() if name not in ("observation", "past", "pairs")}

    @classmethod
    def from_json(cls, given: Mapping[str, Any]) -> Promotion:
        """Read what `as_json` wrote, also before observations were of windows. Raises KeyError, TypeError, ValueError."""
        past, observation = _observed(given["past"], given["observation"])
        read = {
            "candidate": Change(**given["candidate"]),
            "rollout": _course(given["rollout"]),
            "phase": Phase(given["phase"]),
            "outcome": None if given["outcome"] is None else Outcome(given["outcome"]),
            "verdict": _verdict(given["verdict"]),
            "history": tuple(Note(**{**note, "phase": Phase(note["phase"])}) for note in given["history"]),
            "steps": tuple(_step(step) for step in given["steps"]),
            "series": tuple(Point(**{**point, "verdict": _verdict(point["verdict"])}) for point in given["series"]),
            "pairs": {name: Moments(*numbers) for name, numbers in given["pairs"].items()},
            "past": past,
            "observation": observation,
        }
        return cls(**{name: value for name, value in given.items() if name != "schema"} | read)


def now() -> str:
    """UTC, to the second, as in ISO 8601."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def load(store: RecordStore, stack: str) -> Promotion | None:
    """The stack's last promotion; None when there was none. Raises Failure, UnreadableRecord for one that cannot be understood."""
    text = store.load()
    if text is None:
        return None
    try:
        return Promotion.from_json(json.loads(text))
    except (ValueError, TypeError, KeyError, AttributeError, CounterReset) as error:
        raise UnreadableRecord(
            f"the record {store.place} cannot be understood: {type(error).__name__}: {error}.",
            f"take traffic back, which needs no record: ./trimaran rollback {stack}",
        ) from None


def save(hold: Hold, promotion: Promotion) -> None:
    """Write the record, whole or not at all, even when the machine goes down. Raises Failure."""
    promotion.updated_at = now()
    hold.save(json.dumps(promotion.as_json(), indent=1))


def _course(given: Mapping[str, Any]) -> Course:
    return Course(**{**given, "steps": tuple(given["steps"]), "on_undecided": OnUndecided(given["on_undecided"])})


def _step(given: Mapping[str, Any]) -> StepResult:
    return StepResult(**{**given, "judgement": Judgement.from_json(given["judgement"])})


def _verdict(given: str | None) -> Verdict | None:
    return None if given is None else Verdict(given)


def _observed(past: list[Any], given: Mapping[str, Any] | None) -> tuple[tuple[StepWindow, ...], Observation | None]:
    """The windows that are over, and the present step's observation.

    One of two readings of counters, as it was written before, is over: what it saw is kept, and the step warms up again.
    """
    windows = tuple(StepWindow.from_json(window) for window in past)
    if given is None:
        return windows, None
    if "latest" not in given:
        return windows, Observation.from_json(given)
    over = tuple(StepWindow.from_json(window) for window in given["past"])
    if given["baseline"] is None:
        return over, None
    counts = {side: _between(given, side) for side in given["latest"]}
    return (*over, StepWindow(share=given["share"], blue=counts.get("blue"), green=counts["green"])), None


def _between(given: Mapping[str, Any], side: str) -> Counts:
    running = Moments(**given["running"].get(side, {}))
    counts = Counts.from_json(given["latest"][side]) - Counts.from_json(given["baseline"][side])
    return replace(counts, running=running.mean if running.count else 0.0)
