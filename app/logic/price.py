"""What tokens cost, in whole picodollars (1e-12 US dollars): sums are exact, and a price of 0.000001 dollars per million tokens still counts."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from app.wire.events import Usage

PICODOLLARS = 10**12


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """Picodollars per token. One US dollar per million tokens is 1,000,000 picodollars per token."""

    input: int
    output: int
    cache_read: int
    cache_write: int
    cache_write_1h: int

    def cost(self, usage: Usage) -> int:
        """Picodollars for ``usage``. Reasoning tokens are billed as output by every vendor that reports them."""
        return (
            usage.input * self.input
            + usage.cache_read * self.cache_read
            + usage.cache_write * self.cache_write
            + usage.cache_write_1h * self.cache_write_1h
            + usage.completion * self.output
        )


FREE = Rates(input=0, output=0, cache_read=0, cache_write=0, cache_write_1h=0)


def rates(
    input_usd: Decimal,
    output_usd: Decimal,
    cache_read_usd: Decimal | None = None,
    cache_write_usd: Decimal | None = None,
    cache_write_1h_usd: Decimal | None = None,
) -> Rates:
    """Rates from dollars per million tokens.

    Where no price is given, cached tokens cost what uncached ones do, and an hour in the cache what five minutes do.
    """
    written_usd = input_usd if cache_write_usd is None else cache_write_usd
    return Rates(
        input=_picodollars(input_usd),
        output=_picodollars(output_usd),
        cache_read=_picodollars(input_usd if cache_read_usd is None else cache_read_usd),
        cache_write=_picodollars(written_usd),
        cache_write_1h=_picodollars(written_usd if cache_write_1h_usd is None else cache_write_1h_usd),
    )


def _picodollars(usd_per_mtok: Decimal) -> int:
    return int((usd_per_mtok * 1_000_000).to_integral_value())


def usd(picodollars: int) -> str:
    """Dollars as a plain decimal string, exact."""
    dollars, rest = divmod(picodollars, PICODOLLARS)
    return f"{dollars}.{rest:012}".rstrip("0").rstrip(".")
