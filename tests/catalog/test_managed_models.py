"""Token prices of Bedrock's models: what the catalogue has copied is what its source says."""

from __future__ import annotations

from decimal import Decimal

import pytest
from genai_prices import Usage, calc_price

from catalog.inference_profiles import PROFILES
from catalog.managed_models import IN, OUT, token_rate, token_sku

_MILLION = 1_000_000
_PRICED = [id_ for id_ in PROFILES if token_rate(id_, IN, PROFILES[id_].to[0])]


@pytest.mark.parametrize("id_", [*_PRICED, "global.amazon.nova-2-lite-v1:0", "amazon.nova-lite-v1:0"])
def test_a_price_is_that_of_its_source(id_: str) -> None:
    """In the first region that a profile leads to; a later release of the source that says otherwise is told here."""
    region = PROFILES[id_].to[0] if id_ in PROFILES else "us-east-1"
    listed = calc_price(Usage(input_tokens=_MILLION, output_tokens=_MILLION), model_ref=id_, provider_id="aws")
    rates = [token_rate(id_, item, region) for item in (IN, OUT)]

    assert [rate.usd if rate else None for rate in rates] == [listed.input_price, listed.output_price]


def test_a_geography_is_sold_as_the_model_in_a_region_and_a_global_profile_apart() -> None:
    """By the same SKU whichever geography calls; without a known price there is none."""
    assert token_sku("us.amazon.nova-2-lite-v1:0", IN) == token_sku("amazon.nova-2-lite-v1:0", IN)
    assert token_sku("global.amazon.nova-2-lite-v1:0", IN) == "aws:bedrock:global/amazon.nova-2-lite-v1-0/tokens-in"
    assert token_rate("us.acme.x-v1:0", IN, "us-east-1") is None
    here = token_rate("us.amazon.nova-2-lite-v1:0", OUT, "us-east-1")
    assert here
    assert here.usd == Decimal("2.75")
