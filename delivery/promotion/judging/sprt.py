"""Wald's sequential probability ratio test: may be looked at as often as one likes, and ends as soon as it knows.

Wald, Sequential Tests of Statistical Hypotheses, Annals of Mathematical Statistics 16 (1945), 117-186.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """At or above `reject` the second hypothesis holds, at or below `accept` the first, between them go on."""

    reject: float
    accept: float


def bounds(alpha: float, beta: float) -> Bounds:
    """Wald's: the first hypothesis is wrongly rejected with probability `alpha`, wrongly accepted with `beta`."""
    return Bounds(reject=math.log((1 - beta) / alpha), accept=math.log(beta / (1 - alpha)))


def log_likelihood_ratio(hits: int, misses: int, p0: float, p1: float) -> float:
    """How much better `p1` explains so many hits and misses than `p0`; both strictly between 0 and 1."""
    return hits * math.log(p1 / p0) + misses * math.log((1 - p1) / (1 - p0))


def doubled(share: float) -> float:
    """The part of all bad events that is green's when its rate is twice blue's and it has `share` of the attempts."""
    return 2 * share / (1 + share)


def side_log_likelihood_ratio(parts: Iterable[tuple[float, int, int]]) -> float:
    """On whose side are the bad events? For twice the rate on green against the same rate, over parts that add up.

    A part is (green's share of the attempts, green's bad events, blue's bad events); with nothing to compare it says 0.
    """
    return sum(
        log_likelihood_ratio(green, blue, share, doubled(share)) for share, green, blue in parts if 0 < share < 1
    )
