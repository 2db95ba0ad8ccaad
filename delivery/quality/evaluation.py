"""What came of a suite at one version: every answer, every check, and the sums."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from delivery.quality.answer import Answer
from delivery.quality.checking import CheckResult


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One answer and what its checks found."""

    answer: Answer
    results: tuple[CheckResult, ...]

    @property
    def passed(self) -> bool:
        return all(each.passed for each in self.results)

    @property
    def score(self) -> float:
        """The mean over the checks, from 0 to 1."""
        return statistics.fmean(each.score for each in self.results)

    def as_json(self) -> dict[str, Any]:
        failed = [each for each in self.results if not each.passed]
        return {
            "text": self.answer.text,
            "failure": self.answer.failure,
            "failed": [f"{each.wanted} (found: {each.found})" for each in failed],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseResult:
    """One case with all its repeats, which are one observation, never several."""

    id: str
    question: str
    tags: tuple[str, ...]
    weight: float
    runs: tuple[Run, ...]

    @property
    def passed(self) -> bool:
        """Whether it passed in every repeat."""
        return all(run.passed for run in self.runs)

    @property
    def pass_share(self) -> float:
        return statistics.fmean(run.passed for run in self.runs)

    @property
    def score(self) -> float:
        return statistics.fmean(run.score for run in self.runs)

    @property
    def usd(self) -> Decimal | None:
        """The cost of all repeats; None where one has no price: unknown is not zero. A request that was refused costs nothing."""
        prices = [run.answer.usd for run in self.runs if not 400 <= run.answer.status < 500]
        return None if None in prices else sum((Decimal(each) for each in prices if each is not None), Decimal(0))

    def median(self, of: Callable[[Answer], float | None]) -> float | None:
        """The median of a figure over the repeats that have it."""
        return _median([value for run in self.runs if (value := of(run.answer)) is not None])

    def as_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "passed": self.passed,
            "score": round(self.score, 4),
            "pass_share": round(self.pass_share, 4),
            "first_token_ms": _rounded(self.median(lambda answer: answer.first_token_ms)),
            "total_ms": _rounded(self.median(lambda answer: answer.total_ms)),
            "tokens_in": _added([run.answer.tokens_in for run in self.runs]),
            "tokens_out": _added([run.answer.tokens_out for run in self.runs]),
            "usd": None if self.usd is None else f"{self.usd:f}",
            "tags": list(self.tags),
            "runs": [run.as_json() for run in self.runs],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """A suite at one version. ``kept`` answers came from an earlier call of the same evaluation."""

    side: str
    url: str
    suite: str
    suite_digest: str
    graded: bool
    revision: str
    cases: tuple[CaseResult, ...]
    kept: int = 0

    @property
    def models(self) -> tuple[str, ...]:
        """Every model version that answered, as it called itself."""
        return tuple(sorted({run.answer.model for run in self.runs if run.answer.model}))

    @property
    def runs(self) -> tuple[Run, ...]:
        return tuple(run for case in self.cases for run in case.runs)

    @property
    def passed(self) -> int:
        return sum(case.passed for case in self.cases)

    @property
    def usd(self) -> Decimal | None:
        prices = [case.usd for case in self.cases]
        return None if None in prices else sum((each for each in prices if each is not None), Decimal(0))

    @property
    def pass_share(self) -> float:
        """By the cases' weights, from 0 to 1."""
        return pass_share(self.cases)

    def by_tag(self) -> Mapping[str, tuple[CaseResult, ...]]:
        """The cases of each tag, tags in the suite's order."""
        tags = dict.fromkeys(tag for case in self.cases for tag in case.tags)
        return {tag: tuple(case for case in self.cases if tag in case.tags) for tag in tags}

    def quantile_ms(self, of: Callable[[Answer], float | None], share: float) -> float | None:
        """A quantile of a time over all answers that have it."""
        times = sorted(value for run in self.runs if (value := of(run.answer)) is not None)
        return times[min(len(times) - 1, int(share * len(times)))] if times else None

    def as_json(self) -> dict[str, Any]:
        """The result by the names that all parts share."""
        return {
            "suite": self.suite,
            "suite_digest": self.suite_digest,
            "side": self.side,
            "url": self.url,
            "revision": self.revision,
            "models": list(self.models),
            "passed": self.passed,
            "pass_share": round(self.pass_share, 4),
            "kept": self.kept,
            "usd": None if self.usd is None else f"{self.usd:f}",
            "cases": [case.as_json() for case in self.cases],
        }


def pass_share(cases: Sequence[CaseResult]) -> float:
    """The share of passes, by the cases' weights, from 0 to 1."""
    return sum(case.weight * case.pass_share for case in cases) / sum(case.weight for case in cases)


def _median(values: Sequence[float]) -> float | None:
    return statistics.median(values) if values else None


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 1)


def _added(values: Sequence[int | None]) -> int | None:
    return None if None in values else sum(value for value in values if value is not None)
