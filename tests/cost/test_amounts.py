"""Amounts in three cases: unknown wins, open stays open, numbers are exact."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from cost.amounts import NOTHING, Amount, Case, State, between, depends, exactly, unknown

_NUMBERS = st.decimals(min_value=0, max_value=10**6, places=4)


def test_unknown_is_never_zero() -> None:
    """Neither a sum nor a product makes a number of it."""
    for result in (unknown("why") + exactly(1), unknown("why") * 3, exactly(2) * unknown("why")):
        assert result.state is State.UNKNOWN
        assert (result.low, result.expected, result.high) == (None, None, None)


def test_an_open_amount_keeps_its_reason_and_its_lowest() -> None:
    """What only usage decides is at least nothing, without an upper bound."""
    result = depends("log_gb") + exactly(2)

    assert _values(result) == [2, None, None]
    assert result.why == "not in the usage file: log_gb"
    assert (result * depends("replicas")).missing == ("log_gb", "replicas")


def test_none_of_something_open_is_nothing() -> None:
    """Zero replicas cost nothing whatever a replica would cost."""
    assert depends("log_gb") * 0 == NOTHING


def test_between_is_open_inside_its_bounds() -> None:
    """The range is known, the number is not."""
    result = between(exactly(0), exactly(4), missing=("replicas",))

    assert _values(result) == [0, None, 4]
    assert (result.why, result.missing) == ("not in the usage file: replicas", ("replicas",))
    assert result.state is State.USAGE_DEPENDENT


def test_unknown_bounds_make_an_unknown_range() -> None:
    """A maximum nobody knows bounds nothing."""
    assert between(exactly(0), unknown("maxSize is secret")).why == "maxSize is secret"


@given(_NUMBERS, _NUMBERS, _NUMBERS)
def test_multiplication_distributes_over_addition(a: Decimal, b: Decimal, factor: Decimal) -> None:
    """Exactly, as decimals do."""
    assert (exactly(a) + exactly(b)) * factor == exactly(a) * factor + exactly(b) * factor


@given(_NUMBERS, _NUMBERS)
def test_limits_keep_to_their_side(number: Decimal, limit: Decimal) -> None:
    """`at_most` and `at_least` are what they say, in every case."""
    amount = Amount(low=Decimal(0), expected=number, high=number * 2)

    assert all(value is not None and value <= limit for value in _values(amount.at_most(exactly(limit))))
    assert all(value is not None and value >= limit for value in _values(amount.at_least(limit)))


def _values(amount: Amount) -> list[Decimal | None]:
    return [amount.at(case) for case in Case]
