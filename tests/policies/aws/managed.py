"""Managed models of Bedrock."""

from __future__ import annotations

from typing import Any

from plan.resource import Resource
from tests.policies.aws import supply
from tests.policies.cases import Case
from tests.policies.plans import iam, planned, the_stack, urn

GUARDRAIL = "aws:bedrock/guardrail:Guardrail"
VERSION = "aws:bedrock/guardrailVersion:GuardrailVersion"
PROFILE = "aws:bedrock/inferenceProfile:InferenceProfile"
UNITS = "aws:bedrock/provisionedModelThroughput:ProvisionedModelThroughput"
LOGGING = "aws:bedrockmodel/invocationLoggingConfiguration:InvocationLoggingConfiguration"
ATTACHMENT = "aws:iam/rolePolicyAttachment:RolePolicyAttachment"
ROLE_POLICY = "aws:iam/rolePolicy:RolePolicy"
OWN = "arn:aws:bedrock:us-east-1:1:application-inference-profile/*"
TAG = {"StringEquals": {"aws:ResourceTag/trimaran-stack": "aws-ecs-prod"}}
REGIONS = ["us-east-1", "us-east-2", "us-west-2"]


def guardrail() -> Resource:
    """One that says nothing yet."""
    return planned(GUARDRAIL, "guardrail", name="x", blockedInputMessaging="no", blockedOutputsMessaging="no")


def version(**inputs: Any) -> Resource:
    """A version of it."""
    return planned(VERSION, "v1", {"guardrailArn": urn(GUARDRAIL, "guardrail")}, guardrailArn="arn", **inputs)


def calls(resource: str, condition: dict[str, Any] | None = None, action: str = "bedrock:InvokeModel") -> str:
    """A policy that lets models be called."""
    bound = {"Condition": condition} if condition else {}
    return iam({"Effect": "Allow", "Action": [action], "Resource": [resource], **bound})


def caller(policy: str) -> tuple[Resource, ...]:
    """A role's policy."""
    return (planned(ROLE_POLICY, "own", role="r", policy=policy),)


def profile(model: str) -> Resource:
    """A profile of one's own over this model, as it is called from us-east-1."""
    return planned(PROFILE, "model", name="x", modelSource={"copyFrom": f"arn:aws:bedrock:us-east-1:1:{model}"})


def units(model: str = "arn") -> Resource:
    """Two model units."""
    return planned(
        UNITS, "units", modelArn=model, modelUnits=2, provisionedModelName="x", commitmentDuration="OneMonth"
    )


def logging(**deliveries: bool) -> Resource:
    """The log of calls, without any part of a conversation but these."""
    off = {f"{each}DataDeliveryEnabled": False for each in ("text", "image", "embedding", "video")}
    on = {f"{each}DataDeliveryEnabled": said for each, said in deliveries.items()}
    return planned(LOGGING, "calls", loggingConfig={**off, **on})


_SAYING_NOTHING_OF_IMAGES = {f"{each}DataDeliveryEnabled": False for each in ("text", "embedding", "video")}
CASES = (
    Case(
        rule="model-in-date",
        good=(profile("inference-profile/us.anthropic.claude-haiku-4-5-20251001-v1:0"),),
        bad=(profile("inference-profile/us.anthropic.claude-sonnet-4-20250514-v1:0"),),
        says="modelSource.copyFrom: anthropic.claude-sonnet-4-20250514-v1:0 on bedrock ended on 2026-10-14",
    ),
    Case(
        rule="model-in-date",
        good=(units(),),
        bad=(units("arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-sonnet-4-20250514-v1:0"),),
        says="modelArn: anthropic.claude-sonnet-4-20250514-v1:0 on bedrock ended on 2026-10-14",
    ),
    Case(
        rule="pinned-guardrail",
        good=(guardrail(), version(skipDestroy=True)),
        bad=(guardrail(),),
        says="it has no GuardrailVersion",
    ),
    Case(
        rule="pinned-guardrail",
        good=(guardrail(), version(skipDestroy=True)),
        bad=(guardrail(), version()),
        says="skipDestroy is not true",
    ),
    Case(
        rule="no-bedrock-wildcard",
        good=caller(calls("arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-lite-v1:0")),
        bad=caller(calls("arn:aws:bedrock:us-east-1::foundation-model/*")),
        says="a statement allows calling models of Bedrock on arn:aws:bedrock:us-east-1::foundation-model/*.",
    ),
    Case(
        rule="no-bedrock-wildcard",
        good=caller(calls("arn:aws:s3:::b/*", action="s3:GetObject")),
        bad=caller(calls("*", action="bedrock:Invoke*")),
        says="on *.",
    ),
    Case(
        rule="no-bedrock-wildcard",
        good=caller(calls(OWN, TAG)),
        bad=caller(calls(OWN)),
        says=f"on {OWN}.",
    ),
    Case(
        rule="no-bedrock-wildcard",
        good=caller(calls(OWN, TAG)),
        bad=caller(calls(OWN, {"StringLike": {"aws:ResourceTag/trimaran-stack": "*"}})),
        says=f"on {OWN}.",
    ),
    Case(
        rule="no-bedrock-wildcard",
        good=caller(calls("arn:aws:bedrock:::foundation-model/amazon.nova-lite-v1:0")),
        bad=caller(calls("arn:aws:bedrock:*::foundation-model/amazon.nova-lite-v1:0", TAG)),
        says="on arn:aws:bedrock:*::foundation-model/amazon.nova-lite-v1:0.",
    ),
    Case(
        rule="no-bedrock-wildcard",
        good=(supply.policy("s3:GetObject", "arn:aws:s3:::weights/*"),),
        bad=(supply.policy("bedrock:InvokeModelWithResponseStream", "*"),),
        says="on *.",
    ),
    Case(
        rule="no-bedrock-wildcard",
        good=(planned(supply.ROLE, "own", assumeRolePolicy=iam()),),
        bad=(
            planned(supply.ROLE, "own", assumeRolePolicy=iam(), inlinePolicies=[{"name": "x", "policy": calls("*")}]),
        ),
        says="on *.",
    ),
    Case(
        rule="no-bedrock-wildcard",
        good=(planned(ATTACHMENT, "own", role="r", policyArn="arn:aws:iam::aws:policy/ReadOnlyAccess"),),
        bad=(planned(ATTACHMENT, "own", role="r", policyArn="arn:aws:iam::aws:policy/AmazonBedrockFullAccess"),),
        says="it is given AmazonBedrockFullAccess.",
    ),
    Case(
        rule="no-provisioned-in-dev",
        environment="dev",
        good=(profile("foundation-model/amazon.nova-lite-v1:0"),),
        bad=(units(),),
        says="2 model units are bought, with OneMonth.",
    ),
    Case(
        rule="no-logged-prompts",
        good=(logging(),),
        bad=(logging(text=True),),
        says="loggingConfig.textDataDeliveryEnabled is not false.",
    ),
    Case(
        rule="no-logged-prompts",
        good=(logging(),),
        bad=(planned(LOGGING, "calls", loggingConfig=_SAYING_NOTHING_OF_IMAGES),),
        says="loggingConfig.imageDataDeliveryEnabled is not false.",
    ),
    Case(
        rule="region-allow-list",
        config={"limits": {"regions": REGIONS}},
        good=(the_stack(), profile("inference-profile/us.amazon.nova-lite-v1:0")),
        bad=(the_stack(), profile("inference-profile/global.amazon.nova-2-lite-v1:0")),
        says="model may answer in any commercial region; trimaran:limits.regions allows us-east-1",
    ),
    Case(
        rule="region-allow-list",
        config={"limits": {"regions": REGIONS[:2]}, "regions": {"us.acme.x-v1:0": REGIONS[:2]}},
        good=(the_stack(), profile("inference-profile/us.acme.x-v1:0")),
        bad=(the_stack(), profile("inference-profile/us.amazon.nova-lite-v1:0")),
        says="model may answer in us-west-2; trimaran:limits.regions allows us-east-1, us-east-2.",
    ),
    Case(
        rule="region-allow-list",
        config={"limits": {"regions": REGIONS[:1]}, "regions": {"us.amazon.nova-lite-v1:0": REGIONS[:1]}},
        good=(the_stack(), profile("foundation-model/amazon.nova-lite-v1:0")),
        bad=(the_stack(), profile("inference-profile/us.amazon.nova-lite-v1:0")),
        says="model may answer in us-east-2, us-west-2; trimaran:limits.regions allows us-east-1.",
    ),
    Case(
        rule="region-allow-list",
        config={"limits": {"regions": REGIONS, "residency": "anywhere"}},
        good=(the_stack(), profile("inference-profile/global.amazon.nova-2-lite-v1:0")),
        bad=(),
        says="",
    ),
)
