"""What a drill comes to: pure numbers out of its answers, with intervals of 95 % where chance has a part in them."""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from delivery.drill.playing import Asked, Outage, Outcome, Played

CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """``count`` of ``total``, with Wilson's interval in percent."""

    count: int
    total: int

    @property
    def percent(self) -> float:
        return 100 * self.count / self.total if self.total else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        from scipy.stats import binomtest

        if not self.total:
            return 0.0, 100.0
        found = binomtest(self.count, self.total).proportion_ci(CONFIDENCE, method="wilson")
        return 100 * float(found.low), 100 * float(found.high)

    def as_json(self) -> dict[str, Any]:
        low, high = self.interval
        return {
            "count": self.count,
            "total": self.total,
            "percent": round(self.percent, 2),
            "interval": [round(low, 2), round(high, 2)],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Added:
    """Milliseconds to the first token on top, as the median over the cases that both stages answered; no interval below six of them."""

    median_ms: float
    interval: tuple[float, float] | None

    def as_json(self) -> dict[str, Any]:
        bounds = None if self.interval is None else [round(each, 1) for each in self.interval]
        return {"median_ms": round(self.median_ms, 1), "interval": bounds}


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """The answers of one stretch of time. ``usd`` is None where one of them has no price: unknown is not zero."""

    lost: Share
    passed: Share
    elsewhere: int
    rescued: int
    usd: Decimal | None

    def as_json(self) -> dict[str, Any]:
        return {
            "lost": self.lost.as_json(),
            "passed": self.passed.as_json(),
            "elsewhere": self.elsewhere,
            "rescued": self.rescued,
            "usd": None if self.usd is None else f"{self.usd:f}",
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """Of one fault. ``first_success_s``: from its beginning to the first content of an answer that was asked for after it and came whole.

    ``back_s``: from its end until the provider answered again. None where that did not happen.
    """

    fault: str
    words: str
    during: Stage
    after: Stage
    first_success_s: float | None
    back_s: float | None
    added: Added | None

    def as_json(self) -> dict[str, Any]:
        return {
            "fault": self.fault,
            "first_success_s": None if self.first_success_s is None else round(self.first_success_s, 3),
            "back_s": None if self.back_s is None else round(self.back_s, 3),
            "added_first_token": None if self.added is None else self.added.as_json(),
            "during": self.during.as_json(),
            "after": self.after.as_json(),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    before: Stage
    effects: tuple[Effect, ...]

    def as_json(self) -> dict[str, Any]:
        return {"before": self.before.as_json(), "faults": [each.as_json() for each in self.effects]}


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a drill may come to at most; None is no limit."""

    lost_percent: float | None = None
    first_success_s: float | None = None
    added_ms: float | None = None
    quality_points: float | None = None

    def broken(self, figures: Figures) -> list[str]:
        """A sentence for each limit that a fault went beyond."""
        return [sentence for effect in figures.effects for sentence in self._broken_by(effect, figures.before)]

    def _broken_by(self, effect: Effect, before: Stage) -> Iterable[str]:
        lost, drop = effect.during.lost, before.passed.percent - effect.during.passed.percent
        if self.lost_percent is not None and lost.percent > self.lost_percent:
            yield f"{effect.fault}: {lost.percent:.1f} % of the answers were lost, {self.lost_percent:g} % may be"
        if self.first_success_s is not None and (effect.first_success_s or math.inf) > self.first_success_s:
            took = "never came" if effect.first_success_s is None else f"took {effect.first_success_s:.2f} s"
            yield f"{effect.fault}: the first success {took}, {self.first_success_s:g} s are allowed"
        if self.added_ms is not None and (effect.added is None or effect.added.median_ms > self.added_ms):
            took = "is not known" if effect.added is None else f"was {effect.added.median_ms:.0f} ms"
            yield f"{effect.fault}: the added time to the first token {took}, {self.added_ms:g} ms are allowed"
        if self.quality_points is not None and drop > self.quality_points:
            yield f"{effect.fault}: {drop:.1f} points fewer passed, {self.quality_points:g} may be"


def of(played: Played) -> Figures:
    """The figures of a drill. What was under way when the provider went away, or came back, counts as asked while it was away."""
    outages = played.outages
    first_shut_s = min(outage.shut_s for outage in outages)
    before = [each for each in played.asked if each.ended_s <= first_shut_s]
    ends_s = [*(outage.shut_s for outage in outages[1:]), math.inf]
    return Figures(
        before=stage(before, played.backend),
        effects=tuple(_effect(played, before, outage, end_s) for outage, end_s in zip(outages, ends_s, strict=True)),
    )


def during(played: Played, outage: Outage) -> list[Asked]:
    """The answers that were under way at any moment of an outage."""
    return [each for each in played.asked if each.ended_s > outage.shut_s and each.began_s < outage.opened_s]


def _effect(played: Played, before: Sequence[Asked], outage: Outage, end_s: float) -> Effect:
    away = during(played, outage)
    later = [each for each in played.asked if each.began_s >= outage.opened_s and each.ended_s <= end_s]
    successes = [
        each.first_content_s - outage.shut_s for each in away if each.began_s >= outage.shut_s and not each.answer.lost
    ]
    return Effect(
        fault=outage.fault.name,
        words=outage.fault.words,
        during=stage(away, played.backend),
        after=stage(later, played.backend),
        first_success_s=min(successes, default=None),
        back_s=None if outage.back_s is None else outage.back_s - outage.opened_s,
        added=added(before, away),
    )


def stage(asked: Sequence[Asked], backend: str) -> Stage:
    """The sums of some answers. Whether a case passes counts once, by its first answer."""
    firsts = _firsts(asked).values()
    outcomes = Counter(each.outcome(backend) for each in asked)
    prices = [each.answer.usd for each in asked if not each.answer.lost]
    return Stage(
        lost=Share(count=outcomes[Outcome.LOST], total=len(asked)),
        passed=Share(count=sum(each.passed for each in firsts), total=len(firsts)),
        elsewhere=outcomes[Outcome.ELSEWHERE],
        rescued=outcomes[Outcome.RESCUED],
        usd=None if None in prices else sum((Decimal(each) for each in prices if each is not None), Decimal(0)),
    )


def added(before: Sequence[Asked], away: Sequence[Asked]) -> Added | None:
    """What the first token took longer, case by case; None where no case has it twice."""
    from scipy.stats import quantile_test

    usual, now = _first_tokens_ms(before), _first_tokens_ms(away)
    longer = [now[case] - usual[case] for case in usual.keys() & now.keys()]
    if not longer:
        return None
    found = quantile_test(longer, q=0, p=0.5).confidence_interval(CONFIDENCE)
    bounds = float(found.low), float(found.high)
    return Added(median_ms=statistics.median(longer), interval=None if any(map(math.isnan, bounds)) else bounds)


def _firsts(asked: Iterable[Asked]) -> dict[str, Asked]:
    found: dict[str, Asked] = {}
    for each in sorted(asked, key=lambda one: one.began_s):
        found.setdefault(each.case, each)
    return found


def _first_tokens_ms(asked: Iterable[Asked]) -> dict[str, float]:
    told = {case: each.answer.first_token_ms for case, each in _firsts(asked).items() if not each.answer.lost}
    return {case: ms for case, ms in told.items() if ms is not None}
