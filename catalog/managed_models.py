"""What tokens of Bedrock's models are sold as: the SKUs of `catalog/prices`, by the id that a model is called by."""

from __future__ import annotations

from catalog.inference_profiles import GLOBAL, geography_of, model_of
from catalog.prices import Rate, find

# What a model's price tells apart.
IN, OUT = "tokens-in", "tokens-out"
CACHE_READ, CACHE_WRITE = "tokens-cache-read", "tokens-cache-write"


def token_sku(model: str, item: str) -> str:
    """The SKU of a model's tokens; a global profile has prices of its own, a geography's are those of the model in a region."""
    sold = "global" if geography_of(model) == GLOBAL else "regional"
    return f"aws:bedrock:{sold}/{model_of(model).replace(':', '-')}/{item}"


def token_rate(model: str, item: str, region: str) -> Rate | None:
    """Dollars for a million tokens of a model that is called from a region; None where nobody has found a price."""
    return find(token_sku(model, item), region)
