"""What a judgement consists of: one line per metric, with every number that led to its verdict."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from delivery.evidence import StepWindow
from delivery.verdict import Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """One metric's verdict; `roll_back_at` and `pass_at` are what `statistic` is held to, `numbers` all the rest."""

    name: str
    verdict: Verdict
    words: str
    blue: Mapping[str, float] = field(default_factory=dict)
    green: Mapping[str, float] = field(default_factory=dict)
    statistic: float | None = None
    roll_back_at: float | None = None
    pass_at: float | None = None
    numbers: Mapping[str, float] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Plain values, rounded to 6 significant digits."""
        return {name: _rounded(value) for name, value in asdict(self).items()}

    @classmethod
    def from_json(cls, given: Mapping[str, Any]) -> Measure:
        """Read what `as_json` wrote."""
        return cls(**{**given, "verdict": Verdict(given["verdict"])})


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """The verdict on green so far, the measures that it follows from, and the counts that those follow from."""

    verdict: Verdict
    measures: tuple[Measure, ...]
    windows: tuple[StepWindow, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "verdict": self.verdict.value,
            "measures": [measure.as_json() for measure in self.measures],
            "windows": [window.as_json() for window in self.windows],
        }

    @classmethod
    def from_json(cls, given: Mapping[str, Any]) -> Judgement:
        """Read what `as_json` wrote; its numbers stay rounded."""
        return cls(
            verdict=Verdict(given["verdict"]),
            measures=tuple(Measure.from_json(measure) for measure in given["measures"]),
            windows=tuple(StepWindow.from_json(window) for window in given["windows"]),
        )


def could_not_measure(name: str, words: str) -> Measure:
    """A metric that is missing, stale or was reset: it never lets green have more."""
    return Measure(name=name, verdict=Verdict.COULD_NOT_MEASURE, words=words)


def judgement(measures: Sequence[Measure], windows: Sequence[StepWindow] = ()) -> Judgement:
    """Any metric alone rolls back, all must pass to promote, and nothing at all could not be measured."""
    found = {measure.verdict for measure in measures} or {Verdict.COULD_NOT_MEASURE}
    order = (Verdict.ROLL_BACK, Verdict.COULD_NOT_MEASURE, Verdict.NOT_ENOUGH_EVIDENCE, Verdict.PROMOTE)
    verdict = next(verdict for verdict in order if verdict in found)
    return Judgement(verdict=verdict, measures=tuple(measures), windows=tuple(windows))


def _rounded(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _rounded(each) for name, each in value.items()}
    if isinstance(value, float):
        return float(f"{value:.6g}") if math.isfinite(value) else None
    return value.value if isinstance(value, Verdict) else value
