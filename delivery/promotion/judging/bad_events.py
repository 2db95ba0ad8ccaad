"""One kind of bad event: is green's share of them what its share of the attempts would give, or is it double?

A kind that hits both sides alike is nobody's fault and moves nothing. Where there is nothing to compare (no bad event
at all, no blue), green's own rate is tested against an absolute limit, by the same test.
"""

from __future__ import annotations

from collections.abc import Sequence

from delivery.evidence import Counts, StepWindow
from delivery.promotion.judging import sprt
from delivery.promotion.judging.measure import Measure, could_not_measure
from delivery.promotion.judging.rules import Rules
from delivery.verdict import Verdict


def judge_kind(kind: str, windows: Sequence[StepWindow], alpha: float, rules: Rules) -> Measure:
    """Judge one kind over all windows; the last of them says whether there is a blue to compare with."""
    if any(kind not in side.bad for window in windows for side in window.sides):
        return could_not_measure(kind, f"the count of '{kind}' is missing from the metrics")
    limits = sprt.bounds(alpha, rules.beta)
    if windows[-1].is_alone:
        return _alone(kind, windows, limits, rules)
    blue, green = _totals(kind, windows)
    statistic = sprt.side_log_likelihood_ratio(
        (_share(window), window.green.bad[kind], window.blue.bad[kind]) for window in windows if window.blue is not None
    )
    rare = sprt.log_likelihood_ratio(green.bad, green.good, rules.rare, rules.rare_below)
    if statistic >= limits.reject:
        verdict, words = Verdict.ROLL_BACK, "green has the share of the bad events that twice blue's rate would give"
    elif statistic <= limits.accept:
        verdict, words = Verdict.PROMOTE, "green has no more of the bad events than its share of the attempts"
    elif rare <= limits.accept:
        verdict, words = Verdict.PROMOTE, f"shown to be rarer than {rules.rare_below:.2%} of green's attempts"
    else:
        verdict, words = Verdict.NOT_ENOUGH_EVIDENCE, "cannot yet tell the same rate as blue's from twice it"
    share = green.attempts / max(green.attempts + blue.attempts, 1)
    return Measure(
        name=kind,
        verdict=verdict,
        words=words,
        blue=blue.figures(),
        green=green.figures(),
        statistic=statistic,
        roll_back_at=limits.reject,
        pass_at=limits.accept,
        numbers={
            "alpha": alpha,
            "beta": rules.beta,
            "share": share,
            "share_if_doubled": sprt.doubled(share),
            "rare_statistic": rare,
            "rare": rules.rare,
            "rare_below": rules.rare_below,
        },
    )


def _alone(kind: str, windows: Sequence[StepWindow], limits: sprt.Bounds, rules: Rules) -> Measure:
    """Green's rate since blue has no traffic, against the rate that blue had, or against the absolute limit."""
    blue, _ = _totals(kind, [window for window in windows if not window.is_alone])
    _, green = _totals(kind, [window for window in windows if window.is_alone])
    before = blue.rate
    expected = max(rules.rare, before)
    too_much = max(rules.rare_below, min(2 * before, (1 + before) / 2))
    if expected >= 1:
        return could_not_measure(kind, "every attempt on blue was bad: there is nothing to be as good as")
    statistic = sprt.log_likelihood_ratio(green.bad, green.good, expected, too_much)
    if statistic >= limits.reject:
        verdict, words = Verdict.ROLL_BACK, f"green's rate is rather {too_much:.2%} than {expected:.2%}"
    elif statistic <= limits.accept:
        verdict, words = Verdict.PROMOTE, f"green's rate is rather {expected:.2%} than {too_much:.2%}"
    else:
        verdict, words = Verdict.NOT_ENOUGH_EVIDENCE, f"cannot yet tell a rate of {expected:.2%} from {too_much:.2%}"
    return Measure(
        name=kind,
        verdict=verdict,
        words=f"without a blue beside it: {words}",
        blue=blue.figures() if blue.attempts else {},
        green=green.figures(),
        statistic=statistic,
        roll_back_at=limits.reject,
        pass_at=limits.accept,
        numbers={"expected_rate": expected, "too_much": too_much, "beta": rules.beta},
    )


class _Total:
    __slots__ = ("attempts", "bad")

    def __init__(self, kind: str, sides: Sequence[Counts]) -> None:
        self.attempts = sum(side.attempts for side in sides)
        self.bad = sum(side.bad[kind] for side in sides)

    @property
    def good(self) -> int:
        # An attempt that began before the window may have failed in it.
        return max(self.attempts - self.bad, 0)

    @property
    def rate(self) -> float:
        return self.bad / self.attempts if self.attempts else 0.0

    def figures(self) -> dict[str, float]:
        return {"attempts": self.attempts, "bad": self.bad, "rate": self.rate}


def _totals(kind: str, windows: Sequence[StepWindow]) -> tuple[_Total, _Total]:
    blues = [window.blue for window in windows if window.blue is not None]
    return _Total(kind, blues), _Total(kind, [window.green for window in windows])


def _share(window: StepWindow) -> float:
    """Green's share of the attempts really seen, whatever the split was set to."""
    blue = window.blue.attempts if window.blue else 0
    together = blue + window.green.attempts
    return window.green.attempts / together if together else 0.0
