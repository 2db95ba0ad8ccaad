"""Managed models on a bill: dollars for a million tokens beside those of a GPU, and model units that nobody has priced."""

from __future__ import annotations

from decimal import Decimal

import pytest

from cost.amounts import State
from cost.estimate import estimate, unread
from cost.usage import Usage
from plan import document
from tests.cost.made import usd
from tests.plan.made import created, state

PROFILE = "aws:bedrock/inferenceProfile:InferenceProfile"
UNITS = "aws:bedrock/provisionedModelThroughput:ProvisionedModelThroughput"
_SETTINGS = {"trimaran:settings": '{"model": "acme.x-v1:0"}'}


def profile(model: str, name: str, role: str) -> dict[str, object]:
    """A profile of one's own over a profile of Bedrock's."""
    arn = f"arn:aws:bedrock:us-east-1:1:inference-profile/{model}"
    return state(PROFILE, name, modelSource={"copyFrom": arn}, tags={"trimaran-role": role})


def units() -> dict[str, object]:
    """Two model units."""
    return state(UNITS, modelArn="arn:aws:bedrock:us-east-1::foundation-model/acme.x-v1:0", modelUnits=2)


def test_a_managed_model_says_what_a_million_tokens_cost() -> None:
    """In and out, with where and when that was read; a model without a price is open, and says why."""
    made = created(
        profile("us.amazon.nova-2-lite-v1:0", "one", "answers"), profile("us.acme.x-v1:0", "two", "fallback")
    )

    told = {each.what: each for each in estimate(made).tokens}

    assert told["us.amazon.nova-2-lite-v1:0, tokens in"].usd == Decimal("0.33")
    assert told["us.amazon.nova-2-lite-v1:0, tokens out"].usd == Decimal("2.75")
    assert told["us.acme.x-v1:0, tokens in"].usd is None
    assert "no rate for aws:bedrock:regional/acme.x-v1-0/tokens-in" in told["us.acme.x-v1:0, tokens in"].basis


@pytest.mark.parametrize("case", ["expected", "high"])
def test_text_units_without_a_guardrail_of_the_stack_are_in_no_line_which_is_told(case: str) -> None:
    """One that is there already is no resource: what the file says of it would be read by nobody, in any case of it."""
    usage = Usage.model_validate(
        {"expected": {"requests_per_day": 1, "tokens_in": 1}, case: {"text_units_per_request": 2}}
    )
    model = profile("us.amazon.nova-2-lite-v1:0", "one", "answers")
    guarded = (model, state("aws:bedrock/guardrail:Guardrail", "own", contentPolicyConfig={}))

    assert unread(usage, document.read(created(model))) == ("text_units_per_request",)
    assert unread(usage, document.read(created(*guarded))) == ()


def test_blue_and_green_share_the_requests_and_the_fallback_has_its_share() -> None:
    """A request is answered once, whichever profile it goes through."""
    usage = Usage.model_validate(
        {"expected": {"requests_per_day": 24000, "tokens_in": 1000, "tokens_out": 0, "fallback_share": "0.25"}}
    )
    made = created(
        profile("us.amazon.nova-2-lite-v1:0", "blue", "answers"),
        profile("us.amazon.nova-lite-v1:0", "green", "answers"),
        profile("us.anthropic.claude-haiku-4-5-20251001-v1:0", "last", "fallback"),
    )

    amounts = {
        line.name: line.current.quantity.amount.expected
        for line in estimate(made, usage).lines
        if line.item == "tokens in"
    }

    assert amounts["blue"] == amounts["green"]
    assert amounts["last"] == sum(each for each in amounts.values() if each is not None) / 4


def test_model_units_are_unknown_until_config_says_their_price() -> None:
    """Never zero; a rate in config prices those of the stack's own model."""
    without = estimate(created(units(), **_SETTINGS))
    with_rate = estimate(created(units(), **_SETTINGS, **{"trimaran:rates": '{"unitHour": "39.60"}'}))

    assert [line.state for line in without.lines] == [State.UNKNOWN]
    assert without.total("after").at_least
    assert [usd(line) for line in with_rate.lines] == [Decimal("39.60") * 730 * 2]
    assert with_rate.lines[0].current.rate
    assert with_rate.lines[0].current.rate.source == "trimaran:rates.unitHour"
