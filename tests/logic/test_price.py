"""Money of tokens: exact, whole picodollars."""

from __future__ import annotations

from decimal import Decimal

import pytest

from app.logic.price import rates, usd
from app.wire.events import Usage


@pytest.mark.parametrize(
    ("usage", "cost"),
    [
        (Usage(), "0"),
        (Usage(input=1), "0.0000025"),
        (Usage(input=1_000_000, output=1_000_000), "12.5"),
        (Usage(cache_read=1_000_000), "1.25"),
        (Usage(cache_write=1_000_000), "2.5"),
        (Usage(reasoning=3, output=1), "0.00004"),
    ],
)
def test_usage_is_priced_exactly(usage: Usage, cost: str) -> None:
    """Each kind of token has its own rate; reasoning is billed as output; a kind without a price costs what input does."""
    listed = rates(Decimal("2.5"), Decimal(10), cache_read_usd=Decimal("1.25"))
    assert usd(listed.cost(usage)) == cost


def test_sums_do_not_drift() -> None:
    """A hundred thousand requests of a tenth of a microdollar are one cent, to the last digit."""
    listed = rates(Decimal("0.1"), Decimal("0.1"))
    assert usd(sum(listed.cost(Usage(input=1)) for _ in range(100_000))) == "0.01"
