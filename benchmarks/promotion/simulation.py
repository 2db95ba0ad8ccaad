"""One simulated promotion: counts that grow by chance, judged by the functions that promote uses; a look is a second.

Counts are exact binomials; a look's logarithms are drawn as their sum and squares, which for normal values is exact.
"""

from __future__ import annotations

import math
from bisect import bisect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from random import Random

from delivery.evidence import BAD_KINDS, LOG_MEASURES, Counts, Moments, Window
from delivery.promotion.judging import observation, steps
from delivery.promotion.judging.judge import judge
from delivery.promotion.judging.rules import RULES, Rules
from delivery.promotion.judging.steps import Do

STEPS = (5, 25, 50, 100)
# The mean of the logarithms does not matter; the part of the requests that have each measure does a little.
PARTS = {"first_token": 0.7, "between_tokens": 0.7, "whole_answer": 0.3, "tokens": 1.0, "usd": 1.0}
MEAN = 12.0


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What is true: blue's rates, the spread of logarithms, and by what factors green is worse."""

    base_rate: float = 0.01
    sigma: float = 0.5
    factors: Mapping[str, float] = field(default_factory=dict)
    requests_per_look: int = 2_000
    max_green_requests_per_step: int = 4_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a promotion ended, at which share, and by then how many of its requests green had answered."""

    do: Do
    share: int
    green_requests: int
    undecided: bool


def promotion(random: Random, world: World, rules: Rules = RULES) -> Outcome:
    """Run one promotion to its end; the bake time of a step is counted in green's requests instead of seconds."""
    totals = {side: Counts(requests=0, attempts=0, bad=dict.fromkeys(BAD_KINDS, 0), logs=_NO_LOGS) for side in SIDES}
    share, looks, now_s = STEPS[0], 0, 0
    known = [totals]
    seen = observation.begin(share, _since(known, 0))
    while True:
        looks, now_s = looks + 1, now_s + 1
        totals = {side: _more(random, world, totals[side], side, share) for side in SIDES}
        known.append(totals)
        window = _since(known, round(seen.since_s))
        seen = observation.observe(seen, window, now_s=now_s, warm_up=rules.warm_up_requests)
        windows = observation.windows(seen)
        verdict = judge(windows, rules=rules, is_last=steps.is_last_comparison(STEPS, share)).verdict
        action = steps.decide(
            STEPS,
            share,
            verdict,
            elapsed_s=looks * world.requests_per_look * share / 100,
            max_bake_s=world.max_green_requests_per_step,
        )
        if action.do == Do.GO:
            share, looks = action.share, 0
            seen = observation.begin(share, _since(known, now_s), windows)
        elif action.do != Do.WAIT:
            undecided = action.do == Do.ROLL_BACK and verdict != "roll_back"
            return Outcome(do=action.do, share=share, green_requests=totals["green"].requests, undecided=undecided)


def promotions(seed: int, runs: int, world: World) -> list[Outcome]:
    """Run many, reproducibly."""
    random = Random(seed)
    return [promotion(random, world) for _ in range(runs)]


def rate(outcomes: Sequence[Outcome], *, do: Do, undecided: bool = False, below: int = 101) -> float:
    """The part that ended so, at a share below one."""
    found = [each for each in outcomes if each.do == do and each.undecided == undecided and each.share < below]
    return len(found) / len(outcomes)


SIDES = ("blue", "green")
_NO_LOGS = dict.fromkeys(LOG_MEASURES, Moments())


def _since(known: Sequence[Mapping[str, Counts]], since_s: int) -> Window:
    """What was counted since a second; `known` are the totals of each."""
    now_s, totals = len(known) - 1, known[-1]
    counts = {side: replace(totals[side] - known[since_s][side], at_s=now_s) for side in SIDES}
    return Window(since_s=since_s, counts=counts)


def _more(random: Random, world: World, before: Counts, side: str, share: int) -> Counts:
    asked = world.requests_per_look * (share if side == "green" else 100 - share) // 100
    if asked == 0:
        return before
    factors = world.factors if side == "green" else {}
    bad = {
        kind: before.bad[kind] + binomial(random, asked, world.base_rate * factors.get(kind, 1.0)) for kind in BAD_KINDS
    }
    logs = {
        name: before.logs[name]
        + drawn(random, round(asked * PARTS[name]), MEAN + math.log(factors.get(name, 1.0)), world.sigma)
        for name in LOG_MEASURES
    }
    return Counts(requests=before.requests + asked, attempts=before.attempts + asked, bad=bad, logs=logs)


def drawn(random: Random, count: int, mean: float, sigma: float) -> Moments:
    """Moments of so many normal values, drawn as their sum and squares."""
    total = count * mean + sigma * math.sqrt(count) * random.gauss(0.0, 1.0)
    spread = sigma * sigma * random.gammavariate((count - 1) / 2, 2.0)
    return Moments(count, total, spread + total * total / count)


def binomial(random: Random, trials: int, chance: float) -> int:
    """How many of so many trials succeed."""
    return bisect(_distribution(trials, chance), random.random())


@lru_cache
def _distribution(trials: int, chance: float) -> list[float]:
    """The distribution function, up to where it is 1 as far as a float can tell."""
    if chance <= 0:
        return [1.0]
    below, density, table = 0.0, math.exp(trials * math.log1p(-chance)), []
    for hits in range(trials + 1):
        below += density
        table.append(below)
        if below > 1 - 1e-15 or (hits > trials * chance and density < 1e-18):
            break
        density *= (trials - hits) / (hits + 1) * chance / (1 - chance)
    return table
