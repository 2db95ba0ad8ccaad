"""What is spent, by whom and where: tags, regions, a budget that warns, a cap on what may run at all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from policies.containers import DEFINITIONS, TASK
from policies.planned import NotKnown, Planned, Resource
from policies.rule import ALWAYS, STACK, TOLD_IN_DEV, Rule, Scene, Severity
from policies.scaling import PROVIDER, TARGET, most_tasks, uses_gpu

if TYPE_CHECKING:
    from cost.lines import Estimate

SERVICE = "aws:ecs/service:Service"
# More than any bound allows.
_AS_MANY_AS_FIT = 100_000
BUDGET = "aws:budgets/budget:Budget"
GROUP = "aws:autoscaling/group:Group"
# What is billed or holds data, and can carry tags as a map.
_TAGGED = (
    "aws:cloudwatch/logGroup:LogGroup",
    "aws:ec2/launchTemplate:LaunchTemplate",
    "aws:ec2/natGateway:NatGateway",
    "aws:ec2/vpc:Vpc",
    "aws:ecr/repository:Repository",
    "aws:ecs/cluster:Cluster",
    SERVICE,
    "aws:ecs/taskDefinition:TaskDefinition",
    "aws:elasticache/replicationGroup:ReplicationGroup",
    "aws:iam/role:Role",
    "aws:kms/key:Key",
    "aws:lambda/function:Function",
    "aws:lb/loadBalancer:LoadBalancer",
    "aws:s3/bucket:Bucket",
)


def _tags(resource: Resource, scene: Scene) -> Iterator[str]:
    given = {_folded(key): value for key, value in _given_tags(resource).items()}
    wanted = {each: given.get(_folded(each), "") for each in scene.context.allowed.tags}
    missing = [each for each, value in wanted.items() if not value]
    if missing:
        yield f"it lacks the tag{'s' * (len(missing) > 1)} {', '.join(missing)}."


def _given_tags(resource: Resource) -> Mapping[str, str]:
    """The tags of a resource with those that its provider adds; one whose value is not known is there."""
    if resource.type != GROUP:
        return {**resource.planned.default_tags, **resource.pairs("tags")}
    # The provider's default tags do not reach an Auto Scaling group, nor what it starts.
    listed = {each.text("key"): each for each in resource.each("tags")}
    return {key: "set" for key, each in listed.items() if each.has("value") and each.flag("propagateAtLaunch")}


def _folded(key: str) -> str:
    name = key.lower().replace("-", "").replace("_", "")
    return "environment" if name == "env" else name


def _regions(_: Resource, scene: Scene) -> Iterator[str]:
    allowed = scene.context.regions
    if allowed is None:
        return
    seen: dict[str, list[Planned]] = {}
    for each in sorted(scene.everything, key=lambda each: each.name):
        if each.type.startswith("aws:"):
            seen.setdefault(each.region, []).append(each)
    for region, resources in seen.items():
        if region and region not in allowed:
            count = f" and {len(resources) - 1} more" if len(resources) > 1 else ""
            yield f"{resources[0].name}{count} would be in {region}; trimaran:limits.regions allows {', '.join(allowed)}."
    if "" in seen:
        raise NotKnown(f"the region of {seen[''][0].name} is said neither by it, its provider nor aws:region")


def _budget(_: Resource, scene: Scene) -> Iterator[str]:
    if not scene.of(SERVICE):
        return
    budgets = scene.of(BUDGET)
    if not any(each.count("notifications") for each in budgets):
        yield "it has no budget that notifies anybody." if budgets else "it has no budget."
    cap = scene.context.monthly_usd
    for each in budgets:
        limit = each.text("limitAmount")
        if cap is not None and limit and Decimal(limit) > cap:
            yield f"{each.name} warns only at {limit} USD; trimaran:limits.monthlyUsd is {cap}."


def _cost_cap(_: Resource, scene: Scene) -> Iterator[str]:
    cap = scene.context.monthly_usd
    if cap is None:
        return
    from cost.amounts import Case

    estimate = _at_most(scene)
    most = estimate.total("after")
    if most.usd > cap:
        dearest = max(estimate.lines, key=lambda line: line.usd("after", Case.EXPECTED) or Decimal(0))
        yield (
            f"if every replica that is allowed runs all month it costs {'at least ' * most.at_least}{most.usd:,.0f} USD, "
            f"most of it {dearest.name} ({dearest.item}); trimaran:limits.monthlyUsd is {cap}."
        )
    elif estimate.unknown:
        first = estimate.unknown[0]
        raise NotKnown(f"what {first.name} costs is not known ({first.item})")


def _at_most(scene: Scene) -> Estimate:
    """The estimate of what the stack will be with all replicas awake, from the plan in the form that the engine prints."""
    from cost.estimate import estimate
    from cost.usage import Profile, Usage

    steps = [
        {
            "urn": each.urn,
            "op": "create",
            "newState": {
                "type": each.type,
                "custom": True,
                "inputs": {**_without_spot(each), "region": each.region},
                "propertyDependencies": each.links,
            },
        }
        for each in scene.everything
        if each.type.startswith("aws:")
    ]
    gpu, cpu = _most_replicas(scene)
    awake = Profile(replicas=gpu, busy_hours_per_day=Decimal(24), wakes_per_day=Decimal(0), api_replicas=cpu)
    return estimate({"config": scene.context.config, "steps": steps}, Usage(expected=awake))


def _without_spot(planned: Planned) -> Mapping[str, Any]:
    """The inputs with on-demand instances in place of Spot ones, whose price moves but is never above theirs."""
    inputs = planned.inputs
    if planned.type == GROUP and isinstance(mixed := inputs.get("mixedInstancesPolicy"), Mapping):
        kept = {key: value for key, value in mixed.items() if key != "instancesDistribution"}
        return {**inputs, "mixedInstancesPolicy": kept}
    if planned.type == PROVIDER and isinstance(managed := inputs.get("managedInstancesProvider"), Mapping):
        template = {**(managed.get("instanceLaunchTemplate") or {}), "capacityOptionType": "ON_DEMAND"}
        return {**inputs, "managedInstancesProvider": {**managed, "instanceLaunchTemplate": template}}
    return inputs


def _most_replicas(scene: Scene) -> tuple[Decimal, Decimal]:
    """The most tasks with a GPU and without one; where no service has any, whatever else scales may be full all month.

    An Auto Scaling group has room for twice the tasks, blue beside green, but only while a deployment runs.
    """
    gpu, cpu = [0], [0]
    for service in scene.of(SERVICE):
        (gpu if uses_gpu(service, scene) else cpu).append(most_tasks(service, scene))
    # While a promotion runs there is a second engine, which replaces the first or goes again.
    engines = max(gpu) if scene.context.promoting else sum(gpu)
    return Decimal(engines or _AS_MANY_AS_FIT), Decimal(sum(cpu) or _AS_MANY_AS_FIT)


RULES = (
    Rule(
        id="required-tags",
        title="Everything that is billed or holds data says whose it is.",
        why="Without tags a bill has one line, and nobody dares to delete what nobody owns.",
        severity=Severity.MEDIUM,
        enforcement=TOLD_IN_DEV,
        types=(*_TAGGED, GROUP),
        reads={
            **dict.fromkeys(_TAGGED, ("tags",)),
            GROUP: ("tags", "tags[].key", "tags[].propagateAtLaunch", "tags[].value"),
        },
        remedy="Set them in trimaran:tags.",
        check=_tags,
    ),
    Rule(
        id="region-allow-list",
        title="Everything is in a region that the stack's config allows.",
        why="Where data may be is a promise to others; and what runs in a forgotten region is never looked at.",
        severity=Severity.HIGH,
        enforcement=ALWAYS,
        types=(STACK,),
        reads={},
        remedy="Set aws:region to one of them, or extend trimaran:limits.regions.",
        check=_regions,
        among_peers=True,
    ),
    Rule(
        id="budget-exists",
        title="A stack that scales has a budget that tells somebody.",
        why="The first sign of a bill that runs away must not be the bill.",
        severity=Severity.HIGH,
        enforcement=TOLD_IN_DEV,
        types=(STACK,),
        reads={SERVICE: (), BUDGET: ("limitAmount", "notifications")},
        remedy="Set trimaran:limits.monthlyUsd: the stack then makes a budget with notifications.",
        check=_budget,
        among_peers=True,
    ),
    Rule(
        id="monthly-cost-cap",
        title="At its upper bound a stack costs no more than its config allows.",
        why="Replicas times price is known before the first one starts. Traffic that nobody has stated is not in it.",
        severity=Severity.HIGH,
        enforcement=ALWAYS,
        types=(STACK,),
        reads={
            SERVICE: ("desiredCount", "name"),
            TARGET: ("maxCapacity", "resourceId"),
            TASK: (DEFINITIONS,),
        },
        remedy="Lower trimaran:scaling.max or the GPU, or raise trimaran:limits.monthlyUsd; ./trimaran cost shows each line.",
        check=_cost_cap,
        among_peers=True,
    ),
)
