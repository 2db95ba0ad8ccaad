"""How often promotions are wrong: a few hundred, by chance but the same ones each time. `python -m benchmarks.promotion` runs 10,000."""

from __future__ import annotations

from random import Random

import pytest

from benchmarks.promotion.simulation import World, binomial, promotions, rate
from delivery.promotion.judging.steps import Do


@pytest.mark.parametrize("base_rate", [0.0, 0.01])
def test_a_green_that_is_no_different_is_hardly_ever_rolled_back(base_rate: float) -> None:
    """Worse than blue it is called in at most 5 %; promoted it is nearly always, where no bad events make it wait."""
    outcomes = promotions(1, 600, World(base_rate=base_rate))

    assert rate(outcomes, do=Do.ROLL_BACK) <= 0.05
    assert rate(outcomes, do=Do.FINISH) >= (0.95 if base_rate == 0 else 0.75)


@pytest.mark.parametrize(
    "world",
    [
        World(factors={"attempt_failed": 2.0}),
        World(factors={"first_token": 1.3}),
        World(factors={"usd": 1.3}, base_rate=0.0),
    ],
)
def test_a_green_that_is_worse_is_caught_before_25_percent(world: World) -> None:
    """Doubled errors at a base rate of 1 % within 4,000 green requests; 30 % more time or money, with sigma = 0.5."""
    outcomes = promotions(2, 600, world)

    assert rate(outcomes, do=Do.ROLL_BACK, below=25) >= 0.94
    assert rate(outcomes, do=Do.FINISH) <= 0.05


def test_binomials_are_binomial() -> None:
    """Mean and variance of 20,000 draws, and the two ends."""
    random = Random(3)

    drawn = [binomial(random, 1_900, 0.01) for _ in range(20_000)]

    mean = sum(drawn) / len(drawn)
    assert mean == pytest.approx(19, abs=0.15)
    assert sum((each - mean) ** 2 for each in drawn) / len(drawn) == pytest.approx(18.81, rel=0.05)
    assert binomial(random, 1_900, 0.0) == 0
    assert binomial(random, 3, 1 - 1e-16) == 3
