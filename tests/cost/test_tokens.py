"""Dollars for a million tokens say what they rest on; the fallback's tokens are priced by genai-prices."""

from __future__ import annotations

from decimal import Decimal

import pytest

from cost.amounts import Case, State
from cost.estimate import estimate
from cost.gates import Gates, judge
from cost.lines import Estimate
from cost.usage import Fallback, Profile, Usage
from tests.cost.aws.test_quantities import gpu_group
from tests.cost.made import usd
from tests.plan.made import created, preview, state, step

HAIKU = Fallback(provider="aws", model="anthropic.claude-haiku-4-5-20251001-v1:0")


def priced(usage: Usage, **config: str) -> Estimate:
    """A stack of one GPU instance that is always on."""
    return estimate(created(*gpu_group(minSize=1, maxSize=1), **config), usage)


def test_a_busy_gpu_by_the_stated_throughput() -> None:
    """$0.8048 an hour at 1000 tokens a second is $0.2236 for a million."""
    (tokens,) = priced(Usage(expected=Profile(tokens_per_second=Decimal(1000)))).tokens

    assert tokens.what == "g6.xlarge, kept busy"
    assert tokens.usd is not None
    assert round(tokens.usd, 4) == Decimal("0.2236")
    assert "as the usage file says" in tokens.basis


def test_a_published_measurement_is_used_only_for_its_model() -> None:
    """It is named with its load, source and date."""
    settings = '{"model": "neuralmagic/Llama-3.2-11B-Vision-Instruct-FP8-dynamic"}'

    (known,) = priced(Usage(), **{"trimaran:settings": settings}).tokens
    (other,) = priced(Usage(), **{"trimaran:settings": '{"model": "another"}'}).tokens

    assert known.usd is not None
    assert "285.25 tokens/s" in known.basis
    assert "kubeai" in known.basis
    assert other.usd is None
    assert "no measurement" in other.basis


def test_the_whole_bill_over_all_tokens() -> None:
    """Everything that is known, divided by what the usage file says is made of it."""
    month = Profile(requests_per_day=Decimal(1000), tokens_in=Decimal(600), tokens_out=Decimal(400))
    result = priced(Usage(expected=month))

    whole = next(each for each in result.tokens if each.what == "the whole stack")

    assert whole.usd == result.total("after").usd / (1000 * 1000 * Decimal(730) / 24) * 1_000_000


def test_fallback_tokens_are_a_line_of_their_own() -> None:
    """A share of the requests, at the price of the model's own vendor."""
    month = Profile(
        requests_per_day=Decimal(24_000),
        tokens_in=Decimal(1000),
        tokens_out=Decimal(100),
        fallback_share=Decimal("0.5"),
    )
    found = {line.key: line for line in priced(Usage(expected=month, fallback=HAIKU)).lines}

    assert found["fallback.tokens-in"].current.quantity.amount.expected == 365
    assert found["fallback.tokens-in"].current.rate is not None
    assert usd(found["fallback.tokens-in"]) == 365 * found["fallback.tokens-in"].current.rate.usd
    assert found["fallback.tokens-out"].state is State.PRICED


@pytest.mark.parametrize("first_deploy", [True, False])
def test_fallback_tokens_are_billed_before_only_where_something_was_there(first_deploy: bool) -> None:
    """The stack alone is nothing: a first deploy increases the bill by all of them."""
    month = Profile(
        requests_per_day=Decimal(24_000), tokens_in=Decimal(1000), tokens_out=Decimal(0), fallback_share=Decimal(1)
    )
    stack = state("pulumi:pulumi:Stack", "demo-demo-dev", parent="", custom=False)
    key = state("aws:kms/key:Key")
    document = preview(step(stack, stack, op="same"), step(None if first_deploy else key, key))

    result = estimate(document, Usage(expected=month, fallback=HAIKU))

    tokens = next(line for line in result.lines if line.key == "fallback.tokens-in")
    assert (usd(tokens) or 0) > 100
    assert usd(tokens, "before") == (None if first_deploy else usd(tokens))
    refused = judge(result, Gates(max_increase_usd=Decimal(100)), Case.EXPECTED).refused
    assert bool(refused) == first_deploy


def test_fallback_tokens_are_open_without_a_profile() -> None:
    """Their price is known, how many there are is not."""
    found = {line.key: line for line in priced(Usage(fallback=HAIKU)).lines}

    assert found["fallback.tokens-in"].state is State.USAGE_DEPENDENT
    assert found["fallback.tokens-in"].current.rate is not None


def test_a_model_without_a_price_is_unknown() -> None:
    """Not free."""
    found = {line.key: line for line in priced(Usage(fallback=Fallback(provider="aws", model="no-such"))).lines}

    assert found["fallback.tokens-in"].state is State.UNKNOWN
    assert "genai-prices knows no price of no-such at aws" in found["fallback.tokens-in"].reasons
