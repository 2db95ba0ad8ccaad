"""Tango's score interval for the difference of two paired proportions.

T. Tango, "Equivalence test and confidence interval for the difference in proportions for the paired-sample design", Statistics in
Medicine 17 (1998) 891-908. No maintained Python library has it (checked 2026-11-24: SciPy 1.17, statsmodels 0.14 and its
development version, which has Newcombe's and Wald's for pairs); the bounds here are roots of his equation, found by SciPy.
"""

from __future__ import annotations

import math

from scipy.optimize import brentq
from scipy.stats import norm


def bounds(only_first: int, only_second: int, pairs: int, confidence: float) -> tuple[float, float]:
    """Two one-sided bounds, each of this confidence, on the first's share of passes minus the second's.

    ``only_first`` and ``only_second`` count the pairs of which one alone passed.
    """
    z = float(norm.ppf(confidence))
    estimate = (only_first - only_second) / pairs
    lower = _root(only_first, only_second, pairs, z, -1.0, estimate)
    upper = _root(only_first, only_second, pairs, -z, estimate, 1.0)
    return lower, upper


def score(only_first: int, only_second: int, pairs: int, difference: float) -> float:
    """Tango's statistic: how many standard errors the pairs lie above this difference, were it the true one."""
    distance = only_first - only_second - pairs * difference
    if distance == 0:
        return 0.0
    variance = pairs * (2 * _nuisance(only_first, only_second, pairs, difference) + difference * (1 - difference))
    return distance / math.sqrt(variance) if variance > 0 else math.copysign(math.inf, distance)


def _nuisance(only_first: int, only_second: int, pairs: int, difference: float) -> float:
    """The likeliest probability that only the second passes, were this the true difference (Tango's q21, his equation 8)."""
    a = 2 * pairs
    b = -only_first - only_second + (2 * pairs - only_first + only_second) * difference
    c = -only_second * difference * (1 - difference)
    return max(0.0, (math.sqrt(max(0.0, b * b - 4 * a * c)) - b) / (2 * a))


def _root(only_first: int, only_second: int, pairs: int, z: float, low: float, high: float) -> float:
    """The difference at which the statistic is z; the end of the range where it is nowhere so."""
    at_low = score(only_first, only_second, pairs, low) - z
    at_high = score(only_first, only_second, pairs, high) - z
    if at_low <= 0:
        return low
    if at_high >= 0:
        return high

    def finite(at: float) -> float:
        return max(-1e6, min(1e6, score(only_first, only_second, pairs, at) - z))

    return float(brentq(finite, low, high, xtol=1e-10))
