"""Bedrock: tokens by the model that a profile leads to, text units by what a guardrail looks for, model units by the hour."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal

from catalog.managed_models import IN, OUT, token_sku
from cost.amounts import Amount, exactly
from cost.inputs import amount_of
from cost.quantity import TOKENS, Billed, Quantity
from cost.replicas import always
from cost.usage import Usage
from plan.inputs import Inputs
from plan.scope import Scope

PROFILE = "aws:bedrock/inferenceProfile:InferenceProfile"
GUARDRAIL = "aws:bedrock/guardrail:Guardrail"
UNITS = "aws:bedrock/provisionedModelThroughput:ProvisionedModelThroughput"
_MILLION = 1_000_000
# How stacks/aws/components/own_profiles.py says what a model is to its stack.
_ROLE, _FALLBACK = "trimaran-role", "fallback"
# What is looked for, by the part of a guardrail that says it: for people, and in the SKU (aws.amazon.com/bedrock/pricing).
_LOOKED_FOR = {
    "contentPolicyConfig": ("harm looked for", "guardrail-content"),
    "sensitiveInformationPolicyConfig.piiEntitiesConfigs": ("personal data looked for", "guardrail-sensitive"),
}


def profile(resource: Inputs, scope: Scope, usage: Usage) -> Iterator[Quantity]:
    """The tokens of what answers first, of which the fallbacks' share is theirs, evenly."""
    model = resource.text("modelSource.copyFrom").rpartition("/")[2]
    for item, stated, sold in (("tokens in", "tokens_in", IN), ("tokens out", "tokens_out", OUT)):
        yield Quantity(
            key=f"{TOKENS}.{sold}",
            item=item,
            skus=(token_sku(model, sold),),
            unit="million tokens",
            amount=_requests(resource, scope, usage) * usage.amount(stated) / _MILLION,
            detail=model,
        )


def guardrail(resource: Inputs, scope: Scope, usage: Usage) -> Iterator[Quantity]:
    """Text units for each thing that is looked for; what is blocked is paid for, too."""
    looked_at = usage.per_month("requests_per_day") * usage.amount("text_units_per_request") / 1000
    peers = len(scope.of(GUARDRAIL))
    for path, (item, sold) in _LOOKED_FOR.items():
        if resource.has(path):
            yield Quantity(
                key=sold,
                item=item,
                skus=(f"aws:bedrock:{sold}",),
                unit="1k text-units",
                amount=looked_at / peers,
                note="a text unit is up to 1,000 characters; prompts and answers both count",
            )


def units(resource: Inputs, scope: Scope, usage: Usage) -> Iterator[Quantity]:
    """Model units, by the hour whether anybody asks or not. AWS tells their price on request, and config may say it."""
    model = resource.text("modelArn").rpartition("/")[2]
    commitment = resource.text("commitmentDuration", "no commitment")
    yield Quantity(
        key="model-units",
        item="model units",
        skus=(f"aws:bedrock-provisioned:{model.replace(':', '-')}",),
        unit="unit-hour",
        amount=always(amount_of(resource, "modelUnits", 1)),
        detail=f"{model}, {commitment}",
    )


def _requests(resource: Inputs, scope: Scope, usage: Usage) -> Amount:
    """The requests a month that this profile's model answers."""
    profiles = scope.of(PROFILE)
    fallback = _is_fallback(resource)
    peers = sum(_is_fallback(each) is fallback for each in profiles)
    share = usage.amount("fallback_share", default=None if fallback else Decimal(0))
    return usage.per_month("requests_per_day") * (share if fallback else exactly(1) - share) / peers


def _is_fallback(profile: Inputs) -> bool:
    return profile.pairs("tags").get(_ROLE) == _FALLBACK


BILLED: Mapping[str, Billed] = {
    PROFILE: Billed(
        handler=profile,
        reads={PROFILE: ("modelSource.copyFrom", "tags")},
        usage_keys=("fallback_share", "requests_per_day", "tokens_in", "tokens_out"),
    ),
    GUARDRAIL: Billed(
        handler=guardrail,
        reads={GUARDRAIL: tuple(_LOOKED_FOR)},
        usage_keys=("requests_per_day", "text_units_per_request"),
    ),
    UNITS: Billed(handler=units, reads={UNITS: ("commitmentDuration", "modelArn", "modelUnits")}),
}
