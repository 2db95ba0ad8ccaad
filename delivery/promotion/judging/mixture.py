"""The mixture sequential probability ratio test on a difference of means, from moments alone.

Robbins, Annals of Mathematical Statistics 41 (1970), 1397-1409; Johari, Koomen, Pekelis and Walsh, Peeking at A/B Tests,
KDD 2017. The difference is mixed over a normal distribution around 0 with standard deviation `tau`. Valid at every look
where means are nearly normal; variances are estimated, so ask for some tens of values before the first look.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from delivery.evidence import Moments

TAU = math.log(1.3)

# Values that never vary would make any difference certain at the first look, and weights infinite.
_LEAST_VARIANCE = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Green's mean minus blue's, and the variance of that estimate."""

    mean: float
    variance: float


def difference(parts: Sequence[tuple[Moments, Moments]]) -> Difference | None:
    """Combine (blue, green) of several steps, compared within each, so that a shift of both from step to step is none.

    Each side's variance is pooled over the steps; steps are weighted by the inverse of their variance. None where no
    step has values on both sides, or a side too few to have a variance.
    """
    parts = [(blue, green) for blue, green in parts if blue.count and green.count]
    of_blue, of_green = (_pooled_variance(side) for side in zip(*parts, strict=True)) if parts else (None, None)
    if of_blue is None or of_green is None:
        return None
    variances = [of_blue / blue.count + of_green / green.count for blue, green in parts]
    weight = sum(1 / variance for variance in variances)
    mean = sum((green.mean - blue.mean) / variance for (blue, green), variance in zip(parts, variances, strict=True))
    return Difference(mean=mean / weight, variance=1 / weight)


def difference_of_pairs(differences: Moments) -> Difference:
    """For the same prompt sent to both sides: moments of green's value minus blue's, of two pairs or more."""
    return difference_to(0.0, differences)


def difference_to(fixed: float, values: Moments) -> Difference:
    """The mean of two values or more, minus a number that is known."""
    variance = max(values.spread / (values.count - 1), _LEAST_VARIANCE)
    return Difference(mean=values.mean - fixed, variance=variance / values.count)


def log_likelihood_ratio(seen: Difference, tau: float = TAU) -> float:
    """Some difference against none. Without one it ever exceeds ln(1 / alpha) with probability alpha at most."""
    total = seen.variance + tau * tau
    return 0.5 * (math.log(seen.variance / total) + (tau * seen.mean) ** 2 / (seen.variance * total))


def radius(variance: float, error: float, tau: float = TAU) -> float:
    """How far the true difference is from the seen one at most, at every look together, save with this probability."""
    total = variance + tau * tau
    return math.sqrt(2 * variance * total * (0.5 * math.log(total / variance) - math.log(error))) / tau


def _pooled_variance(side: Sequence[Moments]) -> float | None:
    freedom = sum(each.count for each in side) - len(side)
    return max(sum(each.spread for each in side) / freedom, _LEAST_VARIANCE) if freedom > 0 else None
