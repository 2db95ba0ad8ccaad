"""Whether green answers worse than blue on the same cases, by more than a margin. Pure: two evaluations in, a verdict out."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from scipy.stats import norm, t

from delivery.quality import tango
from delivery.quality.evaluation import CaseResult, Evaluation
from delivery.verdict import Verdict

CONFIDENCE = 0.95  # of each one-sided bound
POWER = 0.8


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Points are percentage points, green minus blue: below zero green is worse.

    ``discordant`` is the number of cases on which the two differ, ``cases_needed`` how many cases would decide with 80 % power were
    the two equally good and as discordant as seen.
    """

    verdict: Verdict
    margin_points: float
    blue_points: float
    green_points: float
    difference_points: float
    lower_points: float
    upper_points: float
    discordant: int
    cases: int
    cases_needed: int
    method: str
    words: str

    def as_json(self) -> dict[str, Any]:
        """Every number that led to the verdict."""
        shares = ("blue", "green", "difference", "lower", "upper")
        return {
            "verdict": self.verdict.value,
            "margin_points": self.margin_points,
            **{f"{name}_points": round(getattr(self, f"{name}_points"), 2) for name in shares},
            "discordant": self.discordant,
            "cases": self.cases,
            "cases_needed": self.cases_needed,
            "method": self.method,
            "words": self.words,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class _Interval:
    """Shares, not points."""

    difference: float
    lower: float
    upper: float
    method: str


def compare(blue: Evaluation, green: Evaluation, margin_points: float) -> Comparison:
    """The verdict on green. Both must be evaluations of the same suite, else nothing was measured."""
    pairs = list(zip(blue.cases, green.cases, strict=False))
    same = blue.suite_digest == green.suite_digest and [a.id for a, _ in pairs] == [b.id for _, b in pairs]
    margin = margin_points / 100
    differences = [_difference(first, second, graded=blue.graded) for first, second in pairs]
    between = _interval(pairs, differences, graded=blue.graded)
    verdict, words = _verdict(blue, between, margin, same=same and len(blue.cases) == len(green.cases))
    needed = cases_needed(statistics.fmean(each**2 for each in differences), margin)
    if verdict is Verdict.NOT_ENOUGH_EVIDENCE:
        enough = f"about {needed} cases would do" if needed > len(pairs) else "with the difference seen it takes more"
        words += f"; {enough}, these were {len(pairs)}"
    return Comparison(
        verdict=verdict,
        margin_points=margin_points,
        blue_points=100 * _share(blue),
        green_points=100 * _share(green),
        difference_points=100 * between.difference,
        lower_points=100 * between.lower,
        upper_points=100 * between.upper,
        discordant=sum(each != 0 for each in differences),
        cases=len(pairs),
        cases_needed=needed,
        method=between.method,
        words=words,
    )


def cases_needed(discordance: float, margin: float) -> int:
    """How many cases show with 80 % power that two equally good versions are within the margin, at 95 % confidence.

    ``discordance`` is the share of discordant pairs, or for graded scores the mean of the squared differences:
    (1.645 + 0.842)^2 * discordance / margin^2 = 6.18 * discordance / margin^2. Even without any discordant pair the interval of fewer
    than z^2 * (1 - margin) / margin cases reaches beyond the margin.
    """
    z, z_of_power = float(norm.ppf(CONFIDENCE)), float(norm.ppf(POWER))
    return math.ceil(max(z**2 * (1 - margin) / margin, (z + z_of_power) ** 2 * discordance / margin**2))


def _verdict(blue: Evaluation, between: _Interval, margin: float, *, same: bool) -> tuple[Verdict, str]:
    if not same:
        return Verdict.COULD_NOT_MEASURE, "the two were not asked the same cases"
    if _share(blue) == 0:
        return (
            Verdict.COULD_NOT_MEASURE,
            "the stable version passes no case, so that the suite cannot tell worse from equal",
        )
    bound = f"{between.lower * 100:+.1f} to {between.upper * 100:+.1f} points, margin {margin * 100:g}"
    if between.lower > -margin:
        return Verdict.PROMOTE, f"not worse by more than the margin ({bound})"
    if between.upper < -margin:
        return Verdict.ROLL_BACK, f"worse by more than the margin ({bound})"
    return Verdict.NOT_ENOUGH_EVIDENCE, f"neither shown to be within the margin nor beyond it ({bound})"


def _share(evaluation: Evaluation) -> float:
    values = [case.score if evaluation.graded else case.pass_share for case in evaluation.cases]
    weights = [case.weight for case in evaluation.cases]
    return sum(value * weight for value, weight in zip(values, weights, strict=True)) / sum(weights)


def _difference(blue: CaseResult, green: CaseResult, *, graded: bool) -> float:
    return green.score - blue.score if graded else green.pass_share - blue.pass_share


def _interval(
    pairs: Sequence[tuple[CaseResult, CaseResult]], differences: Sequence[float], *, graded: bool
) -> _Interval:
    """Tango's for passes and failures; for graded scores, repeats and weights Student's t on the cases' means."""
    count, weights = len(pairs), [blue.weight for blue, _ in pairs]
    if not graded and len(set(weights)) == 1 and all(each in (-1, 0, 1) for each in differences):
        better, worse = differences.count(1), differences.count(-1)
        lower, upper = tango.bounds(better, worse, count, CONFIDENCE)
        return _Interval(
            difference=(better - worse) / count,
            lower=lower,
            upper=upper,
            method="Tango's score interval, 95 % one-sided",
        )
    mean_weight = statistics.fmean(weights)
    weighted = [each * weight / mean_weight for each, weight in zip(differences, weights, strict=True)]
    mean = statistics.fmean(weighted)
    # Differences that are all alike have no spread, and yet a few of them prove little: never narrower than Tango without discord.
    least = -tango.bounds(0, 0, count, CONFIDENCE)[0]
    spread = statistics.stdev(weighted) / math.sqrt(count) * float(t.ppf(CONFIDENCE, count - 1)) if count > 1 else 1.0
    reach = max(least, spread)
    return _Interval(
        difference=mean, lower=mean - reach, upper=mean + reach, method="paired t on case means, 95 % one-sided"
    )
