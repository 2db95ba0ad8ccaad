"""Tango's interval against numbers that others have published."""

from __future__ import annotations

import pytest

from delivery.quality.tango import bounds, score


@pytest.mark.parametrize(
    ("only_first", "only_second", "pairs", "confidence", "lower", "upper"),
    [
        pytest.param(9, 3, 32, 0.975, -0.027, 0.390, id="Tango 1998, table VII"),
        pytest.param(0, 1, 44, 0.95, -0.096, 0.037, id="Tango 1998, table V"),
        pytest.param(16, 8, 86, 0.975, -0.020, 0.207, id="Agresti and Min 2005"),
        pytest.param(1, 7, 21, 0.975, -0.517, -0.026, id="Fagerland, Lydersen and Laake 2014"),
        pytest.param(25, 2, 102, 0.975, 0.139, 0.321, id="Chang 2024"),
    ],
)
def test_published_intervals(
    only_first: int, only_second: int, pairs: int, confidence: float, lower: float, upper: float
) -> None:
    """To the digits that were printed; a two-sided interval of 95 % has bounds of 97.5 % each."""
    assert [round(each, 3) for each in bounds(only_first, only_second, pairs, confidence)] == [lower, upper]


def test_no_discordant_pair_is_no_certainty() -> None:
    """z²/(n + z²), where a bootstrap would give [0, 0]."""
    lower, upper = bounds(0, 0, 100, 0.95)

    assert (round(lower, 4), round(upper, 4)) == (-0.0263, 0.0263)


@pytest.mark.parametrize(("first", "second", "pairs"), [(5, 0, 5), (0, 5, 5), (1, 0, 1), (3, 4, 7), (40, 2, 50)])
def test_the_sides_can_change_places(first: int, second: int, pairs: int) -> None:
    """Then the interval is mirrored, at the ends of the range too."""
    lower, upper = bounds(first, second, pairs, 0.95)

    assert bounds(second, first, pairs, 0.95) == pytest.approx((-upper, -lower), abs=1e-8)
    assert -1 <= lower <= (first - second) / pairs <= upper <= 1


def test_at_zero_it_is_mcnemars_statistic() -> None:
    """(b - c) / sqrt(b + c)."""
    assert score(9, 3, 32, 0.0) == pytest.approx(6 / 12**0.5)
