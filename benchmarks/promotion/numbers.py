"""The figures behind the choice of the tests, each simulated with the tests themselves."""

from __future__ import annotations

import math
from collections.abc import Sequence
from random import Random
from statistics import median, quantiles

from benchmarks.promotion.simulation import binomial, drawn
from delivery.evidence import Moments
from delivery.promotion.judging import mixture, sprt

SHARE = 0.05
ALPHA, BETA = 0.01, 0.02  # five metrics
NAIVE_CRITICAL = 1.645  # 5 %, one-sided


def side_test(random: Random, times_blues: float, *, cluster: int = 1, runs: int = 4_000) -> tuple[float, float]:
    """(the part of sequences that end in a rejection, the median number of bad events by then).

    Bad events come in clusters, all of one side.
    """
    bounds = sprt.bounds(ALPHA, BETA)
    chance = times_blues * SHARE / (times_blues * SHARE + 1 - SHARE)
    on_green = sprt.side_log_likelihood_ratio([(SHARE, cluster, 0)])
    on_blue = sprt.side_log_likelihood_ratio([(SHARE, 0, cluster)])
    rejected: list[int] = []
    for _ in range(runs):
        seen, events = 0.0, 0
        while bounds.accept < seen < bounds.reject:
            seen += on_green if random.random() < chance else on_blue
            events += cluster
        if seen >= bounds.reject:
            rejected.append(events)
    return len(rejected) / runs, median(rejected) if rejected else math.nan


def caught_by(random: Random, events: int, runs: int = 4_000) -> float:
    """The part of doubled rates that is caught within so many bad events."""
    bounds, chance = sprt.bounds(ALPHA, BETA), sprt.doubled(SHARE)
    on_green = sprt.side_log_likelihood_ratio([(SHARE, 1, 0)])
    on_blue = sprt.side_log_likelihood_ratio([(SHARE, 0, 1)])
    caught = 0
    for _ in range(runs):
        seen = 0.0
        for _ in range(events):
            seen += on_green if random.random() < chance else on_blue
            if not bounds.accept < seen < bounds.reject:
                break
        caught += seen >= bounds.reject
    return caught / runs


def naive(random: Random, *, metrics: int = 5, looks: int = 40, runs: int = 2_000) -> float:
    """The part of good releases that a 5 % test at every look, on every metric, rolls back: what not to do."""

    def rolls_back() -> bool:
        for _ in range(metrics):
            green = 0
            for look in range(1, looks + 1):
                green += binomial(random, 50, SHARE)
                events = 50 * look
                if green - events * SHARE > NAIVE_CRITICAL * math.sqrt(events * SHARE * (1 - SHARE)):
                    return True
        return False

    return sum(rolls_back() for _ in range(runs)) / runs


def size_test(random: Random, factor: float, sigma: float, *, runs: int = 2_000, most: int = 4_000) -> list[int]:
    """Green's requests at which each sequence that is called worse is so, looked at every 10 from 30 on."""
    found = []
    for _ in range(runs):
        blue, green = Moments(), Moments()
        while green.count < most:
            green += drawn(random, 10 if green.count else 30, math.log(factor), sigma)
            blue += drawn(random, 19 * (green.count - blue.count // 19), 0.0, sigma)
            seen = mixture.difference([(blue, green)])
            if seen and seen.mean > 0 and mixture.log_likelihood_ratio(seen) >= math.log(1 / ALPHA):
                found.append(green.count)
                break
    return found


def pairs_needed(random: Random, sigma: float, *, runs: int = 1_000) -> float:
    """Pairs of the same prompt by which 95 % of +30 % are caught, where the log-ratio of a pair varies so much."""
    needed = []
    for _ in range(runs):
        seen = drawn(random, 10, mixture.TAU, sigma)
        while mixture.log_likelihood_ratio(mixture.difference_of_pairs(seen)) < math.log(1 / ALPHA):
            seen += Moments(1, value := random.gauss(mixture.TAU, sigma), value * value)
        needed.append(seen.count)
    return quantile_95(needed)


def quantile_95(values: Sequence[int]) -> float:
    """What 19 of 20 are below."""
    return quantiles(values, n=20)[-1]
