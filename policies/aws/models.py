"""Bedrock: guardrails in versions that stay, no model units in dev, no conversation in the log of calls."""

from __future__ import annotations

from collections.abc import Iterator

from plan.inputs import Inputs
from policies.check import Check, Checks, Scene, in_turn

GUARDRAIL = "aws:bedrock/guardrail:Guardrail"
VERSION = "aws:bedrock/guardrailVersion:GuardrailVersion"
UNITS = "aws:bedrock/provisionedModelThroughput:ProvisionedModelThroughput"
LOGGING = "aws:bedrockmodel/invocationLoggingConfiguration:InvocationLoggingConfiguration"
# What Bedrock writes down of a call where nothing is said (loggingConfig of the provider's schema: all of them are on).
_DELIVERIES = tuple(f"loggingConfig.{each}DataDeliveryEnabled" for each in ("text", "image", "embedding", "video"))


def _has_version(guardrail: Inputs, scene: Scene) -> Iterator[str]:
    if not scene.referring(guardrail, VERSION):
        yield "it has no GuardrailVersion, so that only its draft could be used."


def _stays(version: Inputs, scene: Scene) -> Iterator[str]:
    if not version.flag("skipDestroy"):
        yield "skipDestroy is not true, so that the next version takes this one away."


def _not_bought(units: Inputs, scene: Scene) -> Iterator[str]:
    commitment = units.shown("commitmentDuration", "no commitment")
    yield f"{units.shown('modelUnits', 'some')} model units are bought, with {commitment}."


def _no_conversations(logging: Inputs, scene: Scene) -> Iterator[str]:
    yield from in_turn(
        _DELIVERIES, lambda each: iter((f"{each} is not false.",) if logging.flag(each, default=True) else ())
    )


CHECKS: Checks = {
    "pinned-guardrail": {
        GUARDRAIL: Check(judge=_has_version, peers={VERSION: ()}),
        VERSION: Check(judge=_stays, reads=("skipDestroy",)),
    },
    "no-provisioned-in-dev": {UNITS: Check(judge=_not_bought, reads=("commitmentDuration", "modelUnits"))},
    "no-logged-prompts": {LOGGING: Check(judge=_no_conversations, reads=_DELIVERIES)},
}
