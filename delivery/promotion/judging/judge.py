"""Judges a new version from what was seen of both so far: any metric alone rolls back, all must pass to promote."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from delivery.evidence import BAD_KINDS, LOG_MEASURES, Moments, StepWindow
from delivery.promotion.judging.bad_events import judge_kind
from delivery.promotion.judging.log_values import judge_measure
from delivery.promotion.judging.measure import Judgement, Measure, could_not_measure, judgement
from delivery.promotion.judging.rules import RULES, Rules
from delivery.verdict import Verdict

__all__ = ["Judgement", "Measure", "could_not_measure", "judge"]


def judge(
    windows: Sequence[StepWindow],
    *,
    rules: Rules = RULES,
    others: Sequence[Measure] = (),
    pairs: Mapping[str, Moments] | None = None,
    is_last: bool = True,
) -> Judgement:
    """Judge all windows together, the last one being of the present step.

    `others` were judged elsewhere (sampled quality, metrics that cannot be read) and count as any. `pairs` are moments
    of green's logarithm minus blue's on the same prompts, by measure. `is_last`: no later step will compare again, so
    that times under unequal load cannot be put off.
    """
    if not windows:
        waiting = Measure(name="requests", verdict=Verdict.NOT_ENOUGH_EVIDENCE, words="green is still warming up")
        return judgement([waiting, *others])
    alpha = rules.alpha_per_metric(len(others))
    kinds = [judge_kind(kind, windows, alpha, rules) for kind in BAD_KINDS]
    sizes = [
        judge_measure(name, windows, alpha, rules, is_last=is_last, pairs=(pairs or {}).get(name))
        for name in LOG_MEASURES
    ]
    return judgement([_requests(windows, rules), *kinds, *sizes, *others], windows)


def _requests(windows: Sequence[StepWindow], rules: Rules) -> Measure:
    """Each step must have seen some requests of its own, however much is known from the steps before."""
    share = windows[-1].share
    here = [window for window in windows if window.share == share]
    green = sum(window.green.requests for window in here)
    blue = sum(window.blue.requests for window in here if window.blue is not None)
    least = rules.least_green_requests
    verdict = Verdict.PROMOTE if green >= least else Verdict.NOT_ENOUGH_EVIDENCE
    return Measure(
        name="requests",
        verdict=verdict,
        words=f"green answered {green} of the {least} requests that a step needs",
        blue={"requests": blue},
        green={"requests": green},
        statistic=float(green),
        pass_at=float(least),
    )
