"""The mixture test: its formula, how steps combine, and that its interval holds at every look together."""

from __future__ import annotations

import math
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivery.evidence import Moments
from delivery.promotion.judging import mixture
from delivery.promotion.judging.mixture import Difference
from tests.delivery.promotion.judging.made import moments


@pytest.mark.parametrize(("mean", "variance"), [(0.0, 0.01), (0.3, 0.004), (-0.2, 0.02), (1.0, 1.0)])
def test_the_ratio_is_the_mixture_of_likelihoods(mean: float, variance: float) -> None:
    """Against the integral over the mixing distribution, summed up numerically."""
    tau, step = mixture.TAU, 0.0005
    points = [k * step for k in range(-6_000, 6_001)]
    density = [math.exp(-0.5 * (x / tau) ** 2) / tau / math.sqrt(2 * math.pi) for x in points]
    ratios = [math.exp((mean * x - x * x / 2) / variance) for x in points]

    integral = sum(d * r for d, r in zip(density, ratios, strict=True)) * step

    assert mixture.log_likelihood_ratio(Difference(mean=mean, variance=variance)) == pytest.approx(
        math.log(integral), abs=1e-6
    )


@given(st.floats(1e-4, 2), st.floats(1e-4, 0.5))
def test_the_interval_is_where_the_test_does_not_reject(variance: float, error: float) -> None:
    """At its end the ratio is just 1 / error."""
    edge = Difference(mean=mixture.radius(variance, error), variance=variance)

    assert mixture.log_likelihood_ratio(edge) == pytest.approx(math.log(1 / error))


def test_a_shift_of_both_sides_between_steps_is_no_difference() -> None:
    """Noon is slower than morning, and green has more of noon: adding the moments up would blame green for it."""
    morning = moments(1900, 10.0), moments(100, 10.0)
    noon = moments(1000, 12.0), moments(1000, 12.0)

    together = mixture.difference([morning, noon])

    assert together is not None
    assert together.mean == pytest.approx(0.0)
    added = (morning[1] + noon[1]).mean - (morning[0] + noon[0]).mean
    assert added > 0.5


def test_steps_weigh_by_what_they_know() -> None:
    """The inverse of the variance; two equal steps halve it."""
    one = mixture.difference([(moments(1000), moments(100, 12.2, 1.0))])
    two = mixture.difference([(moments(1000), moments(100, 12.2, 1.0))] * 2)

    assert one is not None
    assert two is not None
    assert one.variance == pytest.approx(0.25 / 1000 + 1.0 / 100)
    assert two.variance == pytest.approx(one.variance / 2)
    assert two.mean == pytest.approx(one.mean) == pytest.approx(0.2)


@pytest.mark.parametrize("parts", [[], [(Moments(), moments(10))], [(moments(1), moments(1))]])
def test_too_little_is_no_difference_at_all(parts: list[tuple[Moments, Moments]]) -> None:
    """A side without values, or without a variance."""
    assert mixture.difference(parts) is None


def test_values_that_never_vary_can_be_compared() -> None:
    """A model that always answers with the same number of tokens."""
    same = mixture.difference([(moments(100, 5.0, 0.0), moments(50, 5.0, 0.0))])
    more = mixture.difference([(moments(100, 5.0, 0.0), moments(50, 5.3, 0.0))])

    assert same is not None
    assert more is not None
    assert mixture.radius(same.variance, 0.02) < 1e-4
    assert mixture.log_likelihood_ratio(more) > 1000


def test_pairs_need_few_requests() -> None:
    """When +30 % is seen just as it is: 15 pairs where a prompt varies by 0.2, 30 by 0.3; to catch 95 % takes some more."""
    few, more = (mixture.difference_of_pairs(moments(n, mixture.TAU, s)) for n, s in ((15, 0.2), (30, 0.3)))

    assert mixture.log_likelihood_ratio(few) > math.log(1 / 0.01)
    assert mixture.log_likelihood_ratio(more) > math.log(1 / 0.01)


def test_no_look_of_many_is_wrong_more_often_than_stated() -> None:
    """1,000 sequences of 40 looks at equal sides: at alpha = 1 % at most 1 % of them ever see green worse."""
    random = Random(11)

    def ever_worse() -> bool:
        blue, green = Moments(), Moments()
        for _ in range(40):
            blue, green = blue + drawn(random, 300), green + drawn(random, 30)
            seen = mixture.difference([(blue, green)])
            if seen and seen.mean > 0 and mixture.log_likelihood_ratio(seen) >= math.log(100):
                return True
        return False

    assert sum(ever_worse() for _ in range(1_000)) <= 10


def drawn(random: Random, count: int) -> Moments:
    """Moments of so many normal values with a standard deviation of 0.5."""
    values = [random.gauss(0.0, 0.5) for _ in range(3)]  # a few real ones, the rest by their known distribution
    rest = count - 3
    total = 0.5 * math.sqrt(rest) * random.gauss(0.0, 1.0)
    spread = 0.25 * random.gammavariate((rest - 1) / 2, 2.0)
    return Moments(count, total + sum(values), spread + total * total / rest + sum(value * value for value in values))
