"""Wald's test: its bounds, and whose side bad events are on."""

from __future__ import annotations

import math
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivery.promotion.judging import sprt

EVENTS = st.integers(0, 500)
SHARES = st.floats(0.01, 0.99)


def test_bounds_are_walds() -> None:
    """ln((1 - beta) / alpha) and ln(beta / (1 - alpha))."""
    bounds = sprt.bounds(0.01, 0.02)

    assert math.exp(bounds.reject) == pytest.approx(98)
    assert math.exp(bounds.accept) == pytest.approx(0.02 / 0.99)


def test_the_ratio_is_that_of_two_binomials() -> None:
    """Against the probabilities themselves; the number of orders cancels out."""
    expected = (0.2**3 * 0.8**7) / (0.1**3 * 0.9**7)

    assert math.exp(sprt.log_likelihood_ratio(3, 7, 0.1, 0.2)) == pytest.approx(expected)


@given(SHARES)
def test_doubled_is_greens_part_when_its_rate_is_twice_blues(share: float) -> None:
    """From the rates: 2 s r beside (1 - s) r."""
    assert sprt.doubled(share) == pytest.approx(2 * share / (2 * share + (1 - share)))


@given(SHARES, SHARES, EVENTS, EVENTS, EVENTS, EVENTS)
def test_steps_with_different_shares_add_up(s: float, t: float, a: int, b: int, c: int, d: int) -> None:
    """Each step is judged at its own share."""
    whole = sprt.side_log_likelihood_ratio([(s, a, b), (t, c, d)])

    parts = sprt.side_log_likelihood_ratio([(s, a, b)]) + sprt.side_log_likelihood_ratio([(t, c, d)])
    assert whole == pytest.approx(parts)


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_without_two_sides_nothing_is_said(share: float) -> None:
    """All traffic on one side is no comparison."""
    assert sprt.side_log_likelihood_ratio([(share, 10, 10)]) == 0


@pytest.mark.parametrize(("part_of_green", "at_least", "at_most"), [(1.0, 0.0, 0.015), (2.0, 0.965, 1.0)])
def test_it_errs_as_seldom_as_it_says(part_of_green: float, at_least: float, at_most: float) -> None:
    """1 % false alarms and 98 % caught, over 2,000 sequences looked at after every event."""
    random, share, bounds = Random(7), 0.05, sprt.bounds(0.01, 0.02)
    greens = part_of_green * share / (part_of_green * share + 1 - share)

    def rejects() -> bool:
        seen = 0.0
        while bounds.accept < seen < bounds.reject:
            on_green = random.random() < greens
            seen += sprt.side_log_likelihood_ratio([(share, int(on_green), int(not on_green))])
        return seen >= bounds.reject

    assert at_least <= sum(rejects() for _ in range(2_000)) / 2_000 <= at_most
