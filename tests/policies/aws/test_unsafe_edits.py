"""One unsafe edit of an example stack for each rule: it trips that rule and no other."""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass, field, replace
from datetime import date
from enum import Enum
from fnmatch import fnmatchcase
from typing import Any

import pytest

from delivery.rehearsal.policies import lines_of
from plan.resource import Resource
from policies import RULES, Context, Report, judge
from policies.exceptions import Excepted
from tests.goldens import FOLDER, Golden
from tests.policies.aws.managed import units
from tests.policies.aws.reach import TAGS
from tests.policies.example_plans import ExamplePlan
from tests.stacks.rehearsals import ROOT, Rehearsals
from tests.stacks.shapes import EXAMPLES


class Absence(Enum):
    """What an edit does to an input other than setting it; the same in every process, unlike an object's address."""

    GONE = "gone"


GONE = Absence.GONE
GOLDENS = FOLDER / "policies"
SERVICE = "aws:ecs/service:Service"
TASK = "aws:ecs/taskDefinition:TaskDefinition"
TARGET = "aws:appautoscaling/target:Target"
GROUP = "aws:autoscaling/group:Group"
TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"
BALANCER = "aws:lb/loadBalancer:LoadBalancer"
POLICY = "aws:iam/rolePolicy:RolePolicy"
BEDROCK_DEV, BEDROCK = "aws-bedrock-dev", "aws-bedrock-prod"
DEV, PROD, GROUND, GROUND_DEV = "aws-ecs-dev", "aws-ecs-prod", "aws-foundation-prod", "aws-foundation-dev"
BLOCK = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
WIDE = {"Effect": "Allow", "Action": ["s3:*"], "Resource": ["*"]}


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """The input at `path` of the resources called `name` becomes `value`; GONE takes it, or the whole resource, away.

    A path goes through maps, lists and JSON texts alike. `config` replaces parts of the stack's config, `adds` are resources that
    no example has.
    """

    rule: str
    stack: str
    type: str = ""
    name: str = ""
    path: tuple[str | int, ...] = ()
    value: Any = GONE
    config: dict[str, Any] = field(default_factory=dict)
    adds: tuple[Resource, ...] = ()


EDITS = (
    Edit(rule="max-replicas", stack=PROD, type=SERVICE, name="api", path=("desiredCount",), value=41),
    Edit(rule="blue-green-headroom", stack=PROD, type=GROUP, name="gpu", path=("maxSize",), value=1),
    Edit(rule="scale-to-zero-in-dev", stack=DEV, type=GROUP, name="gpu", path=("warmPool",), value={"minSize": 1}),
    Edit(rule="always-on-in-prod", stack=PROD, type=TARGET, name="api", path=("minCapacity",), value=0),
    Edit(
        rule="gpu-allow-list",
        stack=DEV,
        type=GROUP,
        name="gpu",
        path=("mixedInstancesPolicy", "launchTemplate", "overrides", 1, "instanceType"),
        value="g6e.2xlarge",
    ),
    Edit(rule="rollback-configured", stack=PROD, type=SERVICE, name="api", path=("alarms", "rollback"), value=False),
    Edit(
        rule="deletion-protection-in-prod",
        stack=PROD,
        type=BALANCER,
        name="balancer",
        path=("enableDeletionProtection",),
        value=False,
    ),
    Edit(
        rule="deletable-in-dev",
        stack=GROUND_DEV,
        type="aws:s3/bucket:Bucket",
        name="models",
        path=("forceDestroy",),
        value=False,
    ),
    Edit(
        rule="health-checks",
        stack=PROD,
        type="aws:lb/targetGroup:TargetGroup",
        name="green",
        path=("healthCheck", "path"),
        value="/",
    ),
    Edit(
        rule="image-digest",
        stack=PROD,
        type=TASK,
        name="api-*",
        path=("containerDefinitions", 0, "image"),
        value="123456789012.dkr.ecr.us-east-1.amazonaws.com/aws-foundation-prod-app:latest",
    ),
    Edit(
        rule="registry-allow-list",
        stack=PROD,
        type=TASK,
        name="engine-*",
        path=("containerDefinitions", 0, "image"),
        value=f"vllm/vllm-openai@sha256:{'0' * 64}",
    ),
    Edit(
        rule="immutable-tags",
        stack=GROUND,
        type="aws:ecr/repository:Repository",
        name="app",
        path=("imageTagMutability",),
        value="MUTABLE",
    ),
    Edit(rule="no-wildcard-iam", stack=PROD, type=POLICY, name="api", path=("policy", "Statement", 0), value=WIDE),
    Edit(
        rule="no-bedrock-wildcard",
        stack=BEDROCK,
        type=POLICY,
        name="api",
        path=("policy", "Statement", 1, "Condition"),
    ),
    Edit(
        rule="bound-trust",
        stack=GROUND,
        type="aws:iam/role:Role",
        name="deploy",
        path=(
            "assumeRolePolicy",
            "Statement",
            0,
            "Condition",
            "StringEquals",
            "token.actions.githubusercontent.com:sub",
        ),
        value="repo:owner/name:*",
    ),
    Edit(
        rule="model-in-date",
        stack=PROD,
        type=TASK,
        name="api-*",
        path=("containerDefinitions", 0, "environment", 0),
        value={
            "name": "TRIMARAN_ROUTES_YAML",
            "value": "backends: {b: {adapter: bedrock, model: 'anthropic.claude-sonnet-4-20250514-v1:0'}}",
        },
    ),
    Edit(
        rule="secrets-not-in-environment",
        stack=PROD,
        type=TASK,
        name="api-*",
        path=("containerDefinitions", 0, "environment", 0),
        value={"name": "TRIMARAN_API_KEYS", "value": "me=not-so-secret"},
    ),
    Edit(
        rule="tls-only",
        stack=PROD,
        type="aws:lb/listener:Listener",
        name="production",
        path=("sslPolicy",),
        value="ELBSecurityPolicy-TLS13-1-0-2021-06",
    ),
    Edit(rule="no-public-ingress", stack=PROD, type=BALANCER, name="balancer", path=("internal",), value=False),
    Edit(
        rule="closed-security-groups",
        stack=PROD,
        type="aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
        name="in-443-0",
        path=("cidrIpv4",),
        value="0.0.0.0/0",
    ),
    Edit(rule="idle-timeout", stack=PROD, type=BALANCER, name="balancer", path=("idleTimeout",), value=60),
    Edit(
        rule="imdsv2", stack=PROD, type=TEMPLATE, name="gpu", path=("metadataOptions", "httpTokens"), value="optional"
    ),
    Edit(
        rule="encrypted-disks",
        stack=PROD,
        type=TEMPLATE,
        name="gpu",
        path=("blockDeviceMappings", 0, "ebs", "encrypted"),
        value="false",
    ),
    Edit(rule="no-public-bucket", stack=GROUND, type=BLOCK, name="models"),
    Edit(
        rule="key-rotation", stack=GROUND, type="aws:kms/key:Key", name="key", path=("enableKeyRotation",), value=False
    ),
    Edit(
        rule="log-retention",
        stack=PROD,
        type="aws:cloudwatch/logGroup:LogGroup",
        name="api",
        path=("retentionInDays",),
    ),
    Edit(
        rule="encrypted-cache",
        stack=PROD,
        type="aws:elasticache/replicationGroup:ReplicationGroup",
        name="redis",
        path=("transitEncryptionEnabled",),
        value=False,
    ),
    Edit(
        rule="pinned-guardrail",
        stack=BEDROCK,
        type="aws:bedrock/guardrailVersion:GuardrailVersion",
        name="guardrail",
        path=("skipDestroy",),
        value=False,
    ),
    # Without a cap, which nobody could hold a price against that AWS tells on request only.
    Edit(
        rule="no-provisioned-in-dev",
        stack=BEDROCK_DEV,
        config={"limits": {"regions": ["us-east-1", "us-east-2", "us-west-2"]}},
        adds=(replace(units(), default_tags=TAGS),),
    ),
    Edit(
        rule="no-logged-prompts",
        stack=GROUND,
        type="aws:bedrockmodel/invocationLoggingConfiguration:InvocationLoggingConfiguration",
        name="calls",
        path=("loggingConfig", "textDataDeliveryEnabled"),
        value=True,
    ),
    Edit(rule="required-tags", stack=PROD, type=BALANCER, name="balancer", path=("tags", "owner")),
    Edit(rule="region-allow-list", stack=PROD, config={"limits": {"monthlyUsd": "6000", "regions": ["eu-west-1"]}}),
    Edit(
        rule="region-allow-list",
        stack=BEDROCK,
        type="aws:bedrock/inferenceProfile:InferenceProfile",
        name="us.amazon.*",
        path=("modelSource", "copyFrom"),
        value="arn:aws:bedrock:us-east-1:123456789012:inference-profile/global.amazon.nova-2-lite-v1:0",
    ),
    Edit(rule="budget-exists", stack=PROD, type="aws:budgets/budget:Budget", name="budget"),
    Edit(rule="monthly-cost-cap", stack=PROD, type=GROUP, name="gpu", path=("minSize",), value=8),
)


def judged(plan: ExamplePlan, edit: Edit) -> Report:
    """The rules' report on the plan after an edit."""
    changed = [_edited(each, edit) for each in plan.resources]
    assert not edit.type or [each for each in changed if each is None or each not in plan.resources] != []
    kept = [each for each in changed if each is not None]
    return judge([*kept, *edit.adds], plan.context(**edit.config))


@pytest.mark.parametrize("shape", EXAMPLES)
def test_the_examples_keep_every_rule(shape: str, plan: ExamplePlan, golden: Golden) -> None:
    """And every rule can decide."""
    report = judge(plan.resources, plan.context())

    golden(GOLDENS / f"{shape}.txt", "".join(f"{line}\n" for line in lines_of(report)))
    assert [each.message for each in report.violations] == []
    assert [each.message for each in report.undecided] == []


def test_every_report_has_its_example() -> None:
    """No file is left over."""
    assert {each.stem for each in GOLDENS.iterdir()} == set(EXAMPLES)


@pytest.mark.parametrize(("shape", "edit"), [pytest.param(each.stack, each, id=each.rule) for each in EDITS])
def test_an_unsafe_edit_trips_its_rule_and_no_other(plan: ExamplePlan, edit: Edit) -> None:
    """In one sentence."""
    report = judged(plan, edit)

    assert [each.rule for each in report.violations] == [edit.rule], [each.message for each in report.violations]
    assert report.undecided == ()


def test_every_rule_has_its_edit() -> None:
    """The last one is about the file of exceptions, and its edit is below."""
    assert {each.id for each in RULES} - {each.rule for each in EDITS} == {"exceptions-in-date"}


@pytest.mark.parametrize("shape", [PROD])
def test_an_exception_that_has_run_out_trips_its_rule_and_no_other(plan: ExamplePlan) -> None:
    """Even where nothing needs it any more."""
    old = Excepted(rule="image-digest", resource="api", reason="no digest yet", expires=date(2026, 1, 31))

    report = judge(plan.resources, replace(plan.context(), exceptions=(old,)))

    assert [each.rule for each in report.violations] == ["exceptions-in-date"]


@pytest.mark.parametrize("shape", [PROD])
def test_a_promotion_is_not_a_second_bill(plan: ExamplePlan) -> None:
    """While it runs there are two engines, one of which replaces the other; without one, two are two."""
    green = [
        replace(each, urn=f"{each.urn}-green", links=_renamed(each.links))
        for each in plan.resources
        if each.name.startswith("engine-")
    ]
    both = [*plan.resources, *green]

    def told(context: Context) -> set[str]:
        return {each.rule for each in judge(both, context).violations}

    assert told(plan.context(candidate={"image": "x"})) == set()
    assert told(plan.context()) == {"monthly-cost-cap"}


@pytest.mark.long
@pytest.mark.parametrize("shape", [DEV, PROD])
def test_the_pack_lets_the_examples_pass(shape: str, rehearsals: Rehearsals) -> None:
    """The real engine, the real program and the pack: nothing in what the engine itself hands over trips a rule."""
    assert rehearsals.planned(shape, "--policy-pack", str(ROOT / "policies"))["steps"]


def _renamed(links: Any) -> dict[str, tuple[str, ...]]:
    return {key: tuple(f"{urn}-green" if "::engine-" in urn else urn for urn in urns) for key, urns in links.items()}


def _edited(planned: Resource, edit: Edit) -> Resource | None:
    if planned.type != edit.type or not fnmatchcase(planned.name, edit.name):
        return planned
    if not edit.path:
        return None
    inputs = copy.deepcopy(dict(planned.inputs))
    _set(inputs, edit.path, edit.value)
    return replace(planned, inputs=inputs)


def _set(container: Any, path: tuple[str | int, ...], value: Any) -> None:
    """Set what is at a path; a JSON text on the way is opened and closed again."""
    first, *rest = path
    if not rest:
        if value is GONE:
            del container[first]
        else:
            container[first] = value
        return
    inside = container[first]
    if isinstance(inside, str):
        opened = json.loads(inside)
        _set(opened, tuple(rest), value)
        container[first] = json.dumps(opened)
    else:
        _set(inside, tuple(rest), value)
