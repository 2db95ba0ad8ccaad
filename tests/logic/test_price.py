"""Money of tokens: exact, whole picodollars."""

from __future__ import annotations

from decimal import Decimal

import pytest

from app.inference.adapters import price
from app.logic.price import rates, usd
from app.logic.routes import BackendSpec
from app.wire.events import Usage


@pytest.mark.parametrize(
    ("usage", "cost"),
    [
        (Usage(), "0"),
        (Usage(input=1), "0.0000025"),
        (Usage(input=1_000_000, output=1_000_000), "12.5"),
        (Usage(cache_read=1_000_000), "1.25"),
        (Usage(cache_write=1_000_000), "2.5"),
        (Usage(cache_write_1h=1_000_000), "2.5"),
        (Usage(reasoning=3, output=1), "0.00004"),
    ],
)
def test_usage_is_priced_exactly(usage: Usage, cost: str) -> None:
    """Each kind of token has its own rate; reasoning is billed as output; a kind without a price costs what input does."""
    listed = rates(Decimal("2.5"), Decimal(10), cache_read_usd=Decimal("1.25"))
    assert usd(listed.cost(usage)) == cost


def test_the_cache_has_prices_of_its_own() -> None:
    """An hour in Anthropic's cache costs twice the input, five minutes a quarter more; a routes file can say so, and genai-prices knows it."""
    texts = {
        "input_usd_per_mtok": 3,
        "output_usd_per_mtok": 15,
        "cache_read_usd_per_mtok": "0.3",
        "cache_write_usd_per_mtok": "3.75",
        "cache_write_1h_usd_per_mtok": 6,
    }
    own = price(BackendSpec.model_validate({"adapter": "anthropic", "model": "own", "price": texts}))
    listed = price(BackendSpec(adapter="anthropic", model="claude-sonnet-4-5"))
    usage = Usage(input=10_000, cache_read=990_000, cache_write=1_000_000, cache_write_1h=1_000_000)
    for known in (own, listed):
        assert known is not None
        assert usd(known.cost(usage)) == "10.077"  # 0.03 + 0.297 + 3.75 + 6


def test_sums_do_not_drift() -> None:
    """A hundred thousand requests of a tenth of a microdollar are one cent, to the last digit."""
    listed = rates(Decimal("0.1"), Decimal("0.1"))
    assert usd(sum(listed.cost(Usage(input=1)) for _ in range(100_000))) == "0.01"
