"""What a model's tokens cost by the prices that genai-prices was released with; nothing is fetched."""

from __future__ import annotations

from decimal import Decimal

from app.logic.price import Rates, rates

_FEW = 1000  # a million at once would be priced as a long prompt, at up to twice the rate


def listed(model: str, address: str) -> Rates | None:
    """The rates of ``model`` as sold at ``address``; None where they are not known: a model's name alone says nothing of who sells it."""
    if not address:
        return None
    from genai_prices import Usage, calc_price  # 0.1 s: only where a price is looked up

    def usd_per_mtok(**tokens: int) -> Decimal:
        return calc_price(Usage(**tokens), model_ref=model, provider_api_url=address).total_price * 1000

    try:
        return rates(
            usd_per_mtok(input_tokens=_FEW),
            usd_per_mtok(output_tokens=_FEW),
            usd_per_mtok(input_tokens=_FEW, cache_read_tokens=_FEW),
            usd_per_mtok(input_tokens=_FEW, cache_write_tokens=_FEW),
            usd_per_mtok(input_tokens=_FEW, cache_write_tokens=_FEW, cache_write_1h_tokens=_FEW),
        )
    except LookupError:
        return None


def is_seller(address: str) -> bool:
    """Whether somebody is known to sell there: a private address, of an endpoint in one's own network, is nobody's."""
    from genai_prices.data_snapshot import get_snapshot

    try:
        get_snapshot().find_provider(None, None, address)
    except LookupError:
        return False
    return True
