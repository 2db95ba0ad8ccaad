"""What a quantity costs in dollars: rates by region from the catalogue or the user's own, for each case."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from catalog.prices import Rate, find, regions_of
from cost.amounts import Amount, State, unknown
from cost.quantity import Quantity
from cost.usage import Usage, UsageError

# A charge is a whole number of these, so that the lines that are shown add up to the total exactly.
MICRODOLLAR = Decimal("0.000001")


@dataclass(frozen=True, slots=True, kw_only=True)
class Priced:
    """The dollars of a quantity in a month, and the rate of the expected case where one is known."""

    usd: Amount
    rate: Rate | None


def price(quantity: Quantity, region: str, usage: Usage) -> Priced:
    """Dollars for a quantity. Without a rate they are unknown; without an amount they stay open.

    Raises UsageError for a price of the user's own that is for another unit.
    """
    if not quantity.skus:
        why = quantity.amount.why or "which one is billed cannot be told before it runs"
        return Priced(usd=unknown(why), rate=None)
    rates = [_rate(sku, region, usage) for sku in quantity.skus]
    first = rates[0]
    if first is None:
        return Priced(usd=unknown(_missing(quantity.skus[0], region)), rate=None)
    for each in rates:
        _same_unit(quantity, each, usage)
    if quantity.amount.state is State.UNKNOWN:
        return Priced(usd=quantity.amount, rate=first)
    known = [each.usd for each in rates if each]
    dearest = max(known) if len(known) == len(rates) else None
    per_unit = Amount(low=min(known), expected=first.usd, high=dearest)
    return Priced(usd=(quantity.amount * per_unit).rounded(MICRODOLLAR), rate=first)


def dates(rates: Iterable[Rate]) -> tuple[str, str]:
    """When the oldest and the newest of the rates were checked."""
    checked = sorted(each.checked for each in rates if each.checked[:1].isdigit())
    return (checked[0], checked[-1]) if checked else ("", "")


def _rate(sku: str, region: str, usage: Usage) -> Rate | None:
    return usage.own_rate(sku, region) or find(sku, region)


def _missing(sku: str, region: str) -> str:
    elsewhere = regions_of(sku)
    known = f"; it is known in {', '.join(elsewhere[:3])}" if elsewhere else ""
    return f"no rate for {sku} in {region or 'a region that is not known'}{known}"


def _same_unit(quantity: Quantity, rate: Rate | None, usage: Usage) -> None:
    if rate and quantity.unit != rate.unit:
        if usage.own_rate(rate.sku, rate.region):
            raise UsageError(
                f"prices.{rate.sku} is per '{rate.unit}', but '{quantity.item}' is billed per '{quantity.unit}'"
            )
        raise ValueError(
            f"{rate.sku} is priced per {rate.unit}, but the quantity '{quantity.item}' is in {quantity.unit}."
        )
