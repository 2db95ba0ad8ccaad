"""What is spent on AWS: tags, budgets, and how many replicas at what price a stack may come to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from catalog.inference_profiles import GLOBAL, PROFILES, geography_of, regions_of
from cost.amounts import DAYS_PER_MONTH
from plan.aws import SCALABLE_TARGET as TARGET
from plan.aws import SERVICE, SERVICE_READS, TARGET_READS
from plan.inputs import Inputs, NotKnown, every
from policies.aws.scaling import GROUP, PROVIDER, most_tasks
from policies.check import Check, Checks, Scene
from policies.context import said
from policies.spending import Budget, Spending, lacking_tags

PROFILE = "aws:bedrock/inferenceProfile:InferenceProfile"
BUDGET = "aws:budgets/budget:Budget"
# By the time that a budget is for, how many of these a month has.
_A_MONTH = {
    "DAILY": DAYS_PER_MONTH,
    "MONTHLY": Decimal(1),
    "QUARTERLY": Decimal(1) / 3,
    "ANNUALLY": Decimal(1) / 12,
}
_MANAGED = "autoScalingGroupProvider.managedScaling"
# What is billed or holds data, or what is billed stands on, and can carry tags as a map.
_TAGGED = (
    "aws:bedrock/guardrail:Guardrail",
    "aws:bedrock/inferenceProfile:InferenceProfile",
    "aws:bedrock/provisionedModelThroughput:ProvisionedModelThroughput",
    "aws:cloudwatch/logGroup:LogGroup",
    "aws:cloudwatch/metricAlarm:MetricAlarm",
    "aws:ebs/volume:Volume",
    "aws:ec2/capacityReservation:CapacityReservation",
    "aws:ec2/eip:Eip",
    "aws:ec2/instance:Instance",
    "aws:ec2/launchTemplate:LaunchTemplate",
    "aws:ec2/natGateway:NatGateway",
    "aws:ec2/vpc:Vpc",
    "aws:ec2/vpcEndpoint:VpcEndpoint",
    "aws:ecr/repository:Repository",
    PROVIDER,
    "aws:ecs/cluster:Cluster",
    SERVICE,
    "aws:ecs/taskDefinition:TaskDefinition",
    "aws:elasticache/cluster:Cluster",
    "aws:elasticache/replicationGroup:ReplicationGroup",
    "aws:iam/role:Role",
    "aws:kms/key:Key",
    "aws:kms/replicaKey:ReplicaKey",
    "aws:lambda/function:Function",
    "aws:lb/loadBalancer:LoadBalancer",
    "aws:route53/zone:Zone",
    "aws:s3/bucket:Bucket",
    "aws:secretsmanager/secret:Secret",
    "aws:servicediscovery/privateDnsNamespace:PrivateDnsNamespace",
    "aws:sns/topic:Topic",
    "aws:ssm/parameter:Parameter",
)


def _tags(resource: Inputs, scene: Scene) -> Iterator[str]:
    """A resource's own tags with those that its provider adds; a tag whose value is not known yet counts as given."""
    own, added = resource.pairs("tags"), resource.resource.default_tags
    lacking = list(lacking_tags({**(added or {}), **own}, scene))
    if lacking and added is None:
        raise NotKnown("it lacks a tag itself, and the defaultTags of its provider are not known or not shown")
    yield from lacking


def _propagated_tags(group: Inputs, scene: Scene) -> Iterator[str]:
    """The provider's default tags do not reach an Auto Scaling group, nor what it starts."""
    listed = {each.text("key"): each for each in group.each("tags")}
    given = {key: "set" for key, each in listed.items() if each.has("value") and each.flag("propagateAtLaunch")}
    yield from lacking_tags(given, scene)


def _without_spot(group: Mapping[str, Any]) -> Mapping[str, Any]:
    """A group's inputs with on-demand instances in place of Spot ones, whose price moves but is never above theirs."""
    mixed = group.get("mixedInstancesPolicy")
    if not isinstance(mixed, Mapping):
        return group
    kept = {key: value for key, value in mixed.items() if key != "instancesDistribution"}
    return {**group, "mixedInstancesPolicy": kept}


def _managed_without_spot(provider: Mapping[str, Any]) -> Mapping[str, Any]:
    """The inputs of instances that ECS manages, with on-demand ones in place of Spot ones."""
    managed = provider.get("managedInstancesProvider")
    if not isinstance(managed, Mapping):
        return provider
    template = {**(managed.get("instanceLaunchTemplate") or {}), "capacityOptionType": "ON_DEMAND"}
    return {**provider, "managedInstancesProvider": {**managed, "instanceLaunchTemplate": template}}


def _most_replicas(scene: Scene) -> Iterator[tuple[str, Sequence[int]]]:
    """An Auto Scaling group has room for twice the tasks, blue beside green, but only while a deployment runs.

    One that does not follow the tasks on it, or that no service of this stack is known to use, may be as full as it can.
    """
    for provider in scene.of(PROVIDER):
        if provider.has("managedInstancesProvider"):
            yield provider.name, _most_on((provider,), scene)
    for group in scene.of(GROUP):
        providers = scene.referring(group, PROVIDER)
        yield group.name, _most_on(providers, scene) if every(providers, _follows_tasks) else ()


def _follows_tasks(provider: Inputs) -> bool:
    """Whether ECS keeps as many instances as tasks need, and none to spare. Raises NotKnown."""
    spare = (provider.whole(f"{_MANAGED}.targetCapacity") or 100) < 100
    return provider.text(f"{_MANAGED}.status", "DISABLED") == "ENABLED" and not spare


def _most_on(providers: Sequence[Inputs], scene: Scene) -> Sequence[int]:
    """The most tasks of each service on these providers, and of those that may come to run on them besides."""
    # A daemon has a task on each instance that is there for others.
    services = [each for each in scene.of(SERVICE) if each.text("schedulingStrategy", "REPLICA") != "DAEMON"]
    ours = [each for each in services if any(each.resource.refers_to(one.resource.urn) for one in providers)]
    everywhere = [one.resource.urn for one in scene.of(PROVIDER)]
    floating = [
        each for each in services if not any(map(each.resource.refers_to, everywhere)) and not _is_fargate(each)
    ]
    return [most_tasks(each, scene) for each in (*ours, *floating)] if ours else ()


def _is_fargate(service: Inputs) -> bool:
    named = [each.text("capacityProvider") for each in service.each("capacityProviderStrategies")]
    return service.text("launchType") == "FARGATE" or (bool(named) and set(named) <= {"FARGATE", "FARGATE_SPOT"})


def _answering_regions(profile: Inputs, scene: Scene) -> Iterable[str]:
    """Where a profile's model may answer: as AWS's table says, and of one that it lacks, the stack's config. Raises NotKnown."""
    copied = profile.text("modelSource.copyFrom").split(":", 5)
    region, model = copied[3], copied[-1].rpartition("/")[2]
    if geography_of(model) == GLOBAL:
        return () if said(scene.context.config, "limits", "residency") == "anywhere" else ("any commercial region",)
    own = None if model in PROFILES else said(scene.context.config, "regions", model)
    found = regions_of(model, region) or (tuple(map(str, own)) if isinstance(own, list) else ())
    if not found:
        raise NotKnown(f"where {model} may answer when it is called from {region} is in neither catalog nor config")
    return found


def _is_of_costs(budget: Inputs) -> bool:
    """Whether it is about dollars; others count gigabytes, or how well reservations are used."""
    return budget.text("budgetType") == "COST"


def _monthly_usd(budget: Inputs) -> Decimal | None:
    """Its limit for a month of 730 hours, whatever time it is for; None where it is not about costs. Raises NotKnown."""
    limit = budget.number("limitAmount")
    if limit is None or not _is_of_costs(budget):
        return None
    unit, time = budget.text("limitUnit", "USD"), budget.text("timeUnit", "MONTHLY")
    if unit != "USD" or time not in _A_MONTH:
        raise NotKnown(f"limitAmount is in {unit} for timeUnit {time}, which nobody here makes dollars a month of")
    return limit * _A_MONTH[time]


CHECKS: Checks = {
    "required-tags": {
        **dict.fromkeys(_TAGGED, Check(judge=_tags, reads=("tags",))),
        GROUP: Check(judge=_propagated_tags, reads=("tags", "tags[].key", "tags[].propagateAtLaunch", "tags[].value")),
    },
}
SPENDING = Spending(
    scales=(SERVICE,),
    budgets={
        BUDGET: Budget(
            notifies=lambda budget: _is_of_costs(budget) and budget.count("notifications") > 0,
            limit_usd=_monthly_usd,
        )
    },
    leads_to={PROFILE: _answering_regions},
    lead_reads={PROFILE: ("modelSource.copyFrom",)},
    dearest={GROUP: _without_spot, PROVIDER: _managed_without_spot},
    most_replicas=_most_replicas,
    budget_reads={
        SERVICE: (),
        BUDGET: ("budgetType", "limitAmount", "limitUnit", "notifications", "timeUnit"),
    },
    replica_reads={
        SERVICE: (
            "capacityProviderStrategies",
            "capacityProviderStrategies[].capacityProvider",
            "desiredCount",
            "launchType",
            "schedulingStrategy",
            *SERVICE_READS,
        ),
        TARGET: ("maxCapacity", *TARGET_READS),
        PROVIDER: ("managedInstancesProvider", f"{_MANAGED}.status", f"{_MANAGED}.targetCapacity"),
        GROUP: (),
    },
)
