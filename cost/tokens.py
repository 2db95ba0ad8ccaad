"""Dollars for a million tokens: of the stack's own GPUs at a stated throughput, of managed models, of all it costs, and of its fallback."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal

from catalog.prices import Rate
from catalog.throughput import find as find_throughput
from cost.amounts import Amount, Case, State, unknown
from cost.lines import Line, Tokens
from cost.quantity import INSTANCES, MANAGED_INSTANCES, TOKENS, Quantity
from cost.usage import Usage

MILLION = 1_000_000
_SECONDS_PER_HOUR = 3600
_MACHINES = (INSTANCES, MANAGED_INSTANCES)
# What a usage file may say of tokens.
USAGE_KEYS = ("requests_per_day", "tokens_in", "tokens_out", "fallback_share", "tokens_per_second")
_UNIT = "million tokens"


def per_million_tokens(lines: Iterable[Line], usage: Usage) -> tuple[Tokens, ...]:
    """For each kind of instance that the engine may run, each managed model, and the whole bill where usage says its tokens."""
    usage = usage.asked_for(USAGE_KEYS)
    lines = tuple(line for line in lines if line.after)
    return (*_own_gpus(lines, usage), *_managed(lines), *_whole_bill(lines, usage))


def fallback_quantities(usage: Usage) -> Iterator[tuple[Quantity, Amount, Rate | None]]:
    """The fallback's tokens in and out, with what they cost; nothing when the usage file names no fallback."""
    fallback = usage.fallback
    if fallback is None:
        return
    usage = usage.asked_for(USAGE_KEYS)
    requests = usage.per_month("requests_per_day") * usage.amount("fallback_share")
    for item, stated in (("tokens in", "tokens_in"), ("tokens out", "tokens_out")):
        tokens = requests * usage.amount(stated) / MILLION
        rate = _model_rate(fallback.provider, fallback.model, stated)
        sku = f"tokens:{fallback.provider}/{fallback.model}"
        quantity = Quantity(
            key=f"fallback.{item.replace(' ', '-')}",
            item=item,
            skus=(sku,),
            unit=_UNIT,
            amount=tokens,
            detail=fallback.model,
        )
        why = f"genai-prices knows no price of {fallback.model} at {fallback.provider}"
        yield quantity, tokens * rate.usd if rate else unknown(why), rate


def _own_gpus(lines: Iterable[Line], usage: Usage) -> Iterator[Tokens]:
    seen: set[str] = set()
    for line in lines:
        charge = line.current
        if line.key.partition(".")[0] not in _MACHINES or charge.rate is None or charge.rate.sku in seen:
            continue
        seen.add(charge.rate.sku)
        kind = charge.rate.sku.rpartition(":")[2]
        per_second, basis = _throughput(kind, usage)
        usd = charge.rate.usd / (per_second * _SECONDS_PER_HOUR) * MILLION if per_second else None
        yield Tokens(what=f"{kind}, kept busy", usd=usd, basis=basis)


def _managed(lines: Iterable[Line]) -> Iterator[Tokens]:
    """What a managed model takes for tokens in and out, whatever the stack around it costs."""
    sold = [line for line in lines if line.key.partition(".")[0] == TOKENS]
    for line in sorted(sold, key=lambda each: (each.current.quantity.detail, each.item)):
        charge = line.current
        known = f"list price in {charge.rate.region}, {charge.rate.checked}" if charge.rate else charge.usd.why
        yield Tokens(
            what=f"{charge.quantity.detail}, {line.item}", usd=charge.rate.usd if charge.rate else None, basis=known
        )


def _throughput(kind: str, usage: Usage) -> tuple[Decimal | None, str]:
    """Tokens a second of one instance, from the usage file or from a published measurement of this model and GPU."""
    stated = usage.amount("tokens_per_second").expected
    if stated:
        return stated, f"{stated} tokens/s, as the usage file says"
    known = find_throughput(usage.model, kind)
    if known:
        return known.tokens_per_second, (
            f"{known.tokens_per_second} tokens/s: {known.model} on {known.gpu}, {known.load} ({known.source}, {known.checked})"
        )
    return None, "tokens_per_second of a replica is not in the usage file, and no measurement of this model is on file"


def _whole_bill(lines: Iterable[Line], usage: Usage) -> Iterator[Tokens]:
    made = usage.per_month("requests_per_day") * (usage.amount("tokens_in") + usage.amount("tokens_out"))
    if made.state is not State.PRICED or not made.expected:
        return
    paid = [line.usd("after", Case.EXPECTED) for line in lines]
    usd = sum((each for each in paid if each is not None), Decimal(0)) / made.expected * MILLION
    more = "at least, since some lines have no number; " if None in paid else ""
    yield Tokens(
        what="the whole stack",
        usd=usd,
        basis=f"{more}{made.expected / MILLION:,.0f} million tokens a month, in and out",
    )


def _model_rate(provider: str, model: str, key: str) -> Rate | None:
    """Dollars for a million tokens from genai-prices; imported only here, since it takes a third of a second."""
    from importlib.metadata import version

    from genai_prices import Usage as TokenUsage
    from genai_prices import calc_price

    tokens = {"tokens_in": "input_tokens", "tokens_out": "output_tokens"}[key]
    try:
        price = calc_price(TokenUsage(**{tokens: MILLION}), model_ref=model, provider_id=provider)
    except LookupError:
        return None
    return Rate(
        sku=f"tokens:{provider}/{model}",
        region="global",
        unit=_UNIT,
        usd=price.total_price,
        checked=f"genai-prices {version('genai-prices')}",
        source=f"genai-prices {version('genai-prices')}",
    )
