"""Bedrock: guardrails in versions that stay, no model that is about to end, no model units in dev, no conversation in the log of calls."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from plan.inputs import Inputs
from policies.aws.containers import DEFINITIONS, TASK, called, containers, maps_in
from policies.check import Check, Checks, Scene, in_turn
from policies.models import ending, ending_of

FUNCTION = "aws:lambda/function:Function"
GUARDRAIL = "aws:bedrock/guardrail:Guardrail"
VERSION = "aws:bedrock/guardrailVersion:GuardrailVersion"
PROFILE = "aws:bedrock/inferenceProfile:InferenceProfile"
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


def _models(task: Inputs, scene: Scene) -> Iterator[str]:
    yield from in_turn(containers(task), lambda each: _asked_by(each, scene))


def _asked_by(container: Mapping[str, Any], scene: Scene) -> Iterator[str]:
    yield from in_turn(
        maps_in(container, "environment"),
        lambda each: ending({str(each.get("name")): str(each.get("value", ""))}, called(container), scene),
    )


def _function_models(function: Inputs, scene: Scene) -> Iterator[str]:
    yield from ending(function.pairs("environment.variables"), "environment.variables", scene)


def _profile_in_date(profile: Inputs, scene: Scene) -> Iterator[str]:
    yield from _in_date("modelSource.copyFrom", profile, scene)


def _units_in_date(units: Inputs, scene: Scene) -> Iterator[str]:
    yield from _in_date("modelArn", units, scene)


def _in_date(path: str, named: Inputs, scene: Scene) -> Iterator[str]:
    """The model behind a profile of one's own: routes name that profile, and nobody reads a model's name out of it."""
    yield from ending_of("bedrock", named.text(path), path, scene)


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
    "model-in-date": {
        TASK: Check(judge=_models, reads=(DEFINITIONS,)),
        FUNCTION: Check(judge=_function_models, reads=("environment.variables",)),
        PROFILE: Check(judge=_profile_in_date, reads=("modelSource.copyFrom",)),
        UNITS: Check(judge=_units_in_date, reads=("modelArn",)),
    },
    "no-provisioned-in-dev": {UNITS: Check(judge=_not_bought, reads=("commitmentDuration", "modelUnits"))},
    "no-logged-prompts": {LOGGING: Check(judge=_no_conversations, reads=_DELIVERIES)},
}
