"""A total of which nothing is known is not a total of nothing."""

from __future__ import annotations

from decimal import Decimal

import pytest

from cost.lines import Total
from cost.rows import total_text


@pytest.mark.parametrize(
    ("usd", "at_least", "text"),
    [("0", True, "unknown"), ("0", False, "$0.00"), ("0.001", True, "at least <$0.01"), ("7", True, "at least $7.00")],
)
def test_a_total_without_any_number_is_unknown(usd: str, at_least: bool, text: str) -> None:
    """What is free costs nothing; what nobody has priced costs what nobody knows."""
    assert total_text(Total(usd=Decimal(usd), at_least=at_least)) == text
