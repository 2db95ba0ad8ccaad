"""One measure of size (a time, tokens, dollars): is green's worse than blue's, and is it surely not 30 % worse?

Rolls back when the mixture SPRT knows that green is worse, and by a factor that matters. Passes when the upper end of
the always-valid confidence interval is below the margin: over all steps, and over the present one by itself, since a
version may be fine at 5 % and slow at 50 %.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from delivery.evidence import LOG_MEASURES, Counts, Moments, StepWindow, log_of, value_of
from delivery.promotion.judging import mixture
from delivery.promotion.judging.load import Load, at_a_time, load
from delivery.promotion.judging.measure import Measure, could_not_measure
from delivery.promotion.judging.mixture import Difference
from delivery.promotion.judging.rules import Rules
from delivery.verdict import Verdict

Parts = list[tuple[Moments, Moments]]


def judge_measure(
    name: str, windows: Sequence[StepWindow], alpha: float, rules: Rules, *, is_last: bool, pairs: Moments | None = None
) -> Measure:
    """Judge one measure; at the last comparison nothing may be put off. `pairs`: green minus blue on the same prompts."""
    if any(name not in side.logs for window in windows for side in window.sides):
        return could_not_measure(name, f"'{name}' is missing from the metrics")
    compared = [(window, window.blue) for window in windows if window.blue is not None and not window.is_alone]
    if not compared:
        return _alone(name, _total(name, [window.green for window in windows]), alpha, rules)
    blue = _total(name, [side for _, side in compared])
    green = _total(name, [window.green for window, _ in compared])
    told = Measure(
        name=name,
        verdict=Verdict.NOT_ENOUGH_EVIDENCE,
        words="",
        blue=_figures(name, blue),
        green=_figures(name, green),
    )
    if pairs is not None and pairs.count >= rules.least_pairs:
        told = replace(told, words=f"over {pairs.count} pairs of the same prompt")
        return _judged(told, mixture.difference_of_pairs(pairs), [mixture.difference_of_pairs(pairs)], alpha, rules)
    if windows[-1].is_alone:
        return replace(told, verdict=Verdict.PROMOTE, words=f"judged up to {compared[-1][0].share} %")
    if (early := _too_few(name, blue, green, compared, rules)) is not None:
        return replace(told, verdict=early[0], words=early[1])
    return _compared(told, compared, alpha, rules, is_last=is_last)


def _compared(
    told: Measure, compared: Sequence[tuple[StepWindow, Counts]], alpha: float, rules: Rules, *, is_last: bool
) -> Measure:
    """Of a version that had less to do a long time says something and a short one does not; and the other way round."""
    name, last = told.name, compared[-1][0]
    is_time = LOG_MEASURES[name].is_time
    steps = [
        (
            window.share,
            load(window, rules.load_factor) if is_time else Load.EQUAL,
            (side.logs[name], window.green.logs[name]),
        )
        for window, side in compared
    ]
    may_fail: Parts = [part for _, loaded, part in steps if loaded != Load.HEAVIER]
    may_pass = [(share, part) for share, loaded, part in steps if loaded != Load.LIGHTER or not is_last]
    this_step: Parts = [part for share, part in may_pass if share == last.share]
    passing = [
        mixture.difference([part for _, part in may_pass]),
        mixture.difference(this_step) if _enough(this_step, rules.least_values) else None,
    ]
    told = replace(told, words=_load_words(last, steps[-1][1], is_last))
    return _judged(told, mixture.difference(may_fail), passing, alpha, rules)


def _judged(
    told: Measure, worse: Difference | None, passing: Sequence[Difference | None], alpha: float, rules: Rules
) -> Measure:
    """Roll back when `worse` is known to be, pass when the upper end of each of `passing` is below the margin."""
    reject = math.log(1 / alpha)
    statistic = mixture.log_likelihood_ratio(worse, rules.log_margin) if worse else 0.0
    uppers = [each.mean + mixture.radius(each.variance, rules.beta, rules.log_margin) for each in passing if each]
    numbers = {"alpha": alpha, "beta": rules.beta, "margin": rules.margin, "material": rules.material}
    if worse:
        numbers |= {"ratio": math.exp(worse.mean), "variance": worse.variance}
    if len(uppers) == len(passing):
        numbers |= {"upper": math.exp(uppers[0]), "upper_this_step": math.exp(uppers[-1])}
    if worse and statistic >= reject and worse.mean >= math.log(rules.material):
        verdict, words = Verdict.ROLL_BACK, f"green is worse by a factor of about {math.exp(worse.mean):.2f}"
    elif len(uppers) == len(passing) and max(uppers) < rules.log_margin:
        verdict, words = Verdict.PROMOTE, f"at most {math.exp(max(uppers)):.2f} times blue's"
    else:
        verdict, words = Verdict.NOT_ENOUGH_EVIDENCE, f"may be more than {rules.margin:g} times blue's"
    return replace(
        told,
        verdict=verdict,
        words=f"{words}; {told.words}" if told.words else words,
        statistic=statistic,
        roll_back_at=reject,
        numbers=numbers,
    )


def _too_few(
    name: str, blue: Moments, green: Moments, compared: Sequence[tuple[StepWindow, Counts]], rules: Rules
) -> tuple[Verdict, str] | None:
    """What can be said before there are values enough to compare, or None where there are."""
    requests = sum(side.requests for _, side in compared), sum(window.green.requests for window, _ in compared)
    parts = [side.count / max(count, 1) for side, count in zip((blue, green), requests, strict=True)]
    if blue.count == green.count == 0:
        return Verdict.PROMOTE, "no request on either side has it"
    for this, that, part, asked in (("green", "blue", parts[0], requests[1]), ("blue", "green", parts[1], requests[0])):
        count = {"green": green.count, "blue": blue.count}[this]
        if count == 0 and (1 - min(part, 1.0)) ** asked < rules.beta:
            hint = "; give its backend a price in the routes file" if name == "usd" else ""
            words = f"{part:.0%} of the requests on {that} have it, and none of {asked} on {this}{hint}"
            return Verdict.COULD_NOT_MEASURE, words
    if _enough([(blue, green)], rules.least_values):
        return None
    if max(parts) < rules.least_part:
        return Verdict.PROMOTE, f"only {max(parts):.1%} of the requests have it: watched, not waited for"
    return Verdict.NOT_ENOUGH_EVIDENCE, f"fewer than {rules.least_values} values on a side"


def _alone(name: str, green: Moments, alpha: float, rules: Rules) -> Measure:
    """A first deploy: against a limit in seconds, or only told."""
    told = Measure(name=name, verdict=Verdict.NOT_ENOUGH_EVIDENCE, words="", green=_figures(name, green))
    limit = rules.absolute_limits.get(name)
    if limit is None or green.count == 0:
        return replace(told, verdict=Verdict.PROMOTE, words="told, not judged: there is no blue to compare with")
    if green.count < rules.least_values:
        return replace(told, words=f"fewer than {rules.least_values} values")
    seen = mixture.difference_to(log_of(name, limit), green)
    statistic, reject = mixture.log_likelihood_ratio(seen, rules.log_margin), math.log(1 / alpha)
    if statistic >= reject and seen.mean > 0:
        verdict, words = Verdict.ROLL_BACK, f"above the absolute limit of {limit:g} s"
    elif seen.mean + mixture.radius(seen.variance, rules.beta, rules.log_margin) < 0:
        verdict, words = Verdict.PROMOTE, f"below the absolute limit of {limit:g} s"
    else:
        verdict, words = Verdict.NOT_ENOUGH_EVIDENCE, f"near the absolute limit of {limit:g} s"
    numbers = {"alpha": alpha, "beta": rules.beta, "limit": limit}
    return replace(told, verdict=verdict, words=words, statistic=statistic, roll_back_at=reject, numbers=numbers)


def _total(name: str, sides: Sequence[Counts]) -> Moments:
    return sum((side.logs[name] for side in sides), Moments())


def _enough(parts: Parts, least: int) -> bool:
    of_blue = sum(blue.count for blue, _ in parts)
    of_green = sum(green.count for _, green in parts)
    return min(of_blue, of_green) >= least


def _figures(name: str, seen: Moments) -> dict[str, float]:
    if seen.count == 0:
        return {"values": 0}
    sigma = math.sqrt(seen.spread / max(seen.count - 1, 1))
    return {"values": seen.count, "geometric_mean": value_of(name, seen.mean), "log_sigma": sigma}


def _load_words(window: StepWindow, loaded: Load, is_last: bool) -> str:
    if loaded == Load.EQUAL or window.blue is None:
        return ""
    then = "so short times do not count" if is_last else "so it is judged again at a later step"
    then = then if loaded == Load.LIGHTER else "so long times do not count"
    here, there = at_a_time(window.green), at_a_time(window.blue)
    return f"green had {here:.1f} requests at a time per replica, blue {there:.1f}, {then}"
