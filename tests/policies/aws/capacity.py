"""Scaling, GPUs, machines, deployment, probes."""

from __future__ import annotations

from typing import Any

from plan.resource import Resource
from tests.policies.cases import Case
from tests.policies.plans import container, planned, task, urn

SERVICE = "aws:ecs/service:Service"
TASK = "aws:ecs/taskDefinition:TaskDefinition"
TARGET = "aws:appautoscaling/target:Target"
GROUP = "aws:autoscaling/group:Group"
PROVIDER = "aws:ecs/capacityProvider:CapacityProvider"
TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"
BALANCER = "aws:lb/loadBalancer:LoadBalancer"
TARGET_GROUP = "aws:lb/targetGroup:TargetGroup"


def target(most: int, least: int = 1) -> Resource:
    """What scales the service `app`."""
    return planned(
        TARGET,
        "scaling",
        {"resourceId": urn(SERVICE, "app")},
        maxCapacity=most,
        minCapacity=least,
        resourceId="service/cluster/app",
        scalableDimension="ecs:service:DesiredCount",
        serviceNamespace="ecs",
    )


def group(most: int, least: int = 0) -> Resource:
    """The Auto Scaling group under the service `app`."""
    return planned(GROUP, "machines", maxSize=most, minSize=least)


def service(**changes: Any) -> Resource:
    """A service that keeps every rule, with some inputs replaced."""
    links = {"taskDefinition": urn(TASK, "task"), "capacityProviderStrategies": urn(PROVIDER, "provider")}
    inputs: dict[str, Any] = {
        "name": "app",
        "desiredCount": 2,
        "deploymentCircuitBreaker": {"enable": True, "rollback": True},
        "alarms": {"enable": True, "rollback": True, "alarmNames": ["errors"]},
        "deploymentConfiguration": {"strategy": "CANARY", "bakeTimeInMinutes": "10"},
    }
    return planned(SERVICE, "app", links, **{**inputs, **changes})


def on_instances(most: int) -> tuple[Resource, ...]:
    """A service on an Auto Scaling group with room for so many."""
    provider = planned(
        PROVIDER,
        "provider",
        {"autoScalingGroupProvider": urn(GROUP, "machines")},
        autoScalingGroupProvider={"autoScalingGroupArn": "arn:aws:autoscaling:us-east-1:1:autoScalingGroup:machines"},
    )
    return (service(), provider, group(most))


def template(**changes: Any) -> Resource:
    """A launch template that keeps every rule, with some inputs replaced."""
    disk = {"deviceName": "/dev/xvda", "ebs": {"volumeSize": 100, "encrypted": "true"}}
    inputs = {
        "instanceType": "g6.xlarge",
        "metadataOptions": {"httpTokens": "required"},
        "blockDeviceMappings": [disk],
    }
    return planned(TEMPLATE, "machine", **{**inputs, **changes})


GPU_TASK = task("task", container(resourceRequirements=[{"type": "GPU", "value": "1"}]))
CPU_TASK = task("task", container())

CASES = (
    Case(rule="max-replicas", good=(target(40),), bad=(target(41),), says="maxCapacity is 41; in prod at most 40"),
    Case(
        rule="max-replicas",
        environment="dev",
        good=(group(8), service(desiredCount=4)),
        bad=(group(9), service(desiredCount=4)),
        says="maxSize is 9; in dev at most 8",
    ),
    Case(
        rule="blue-green-headroom",
        good=on_instances(4),
        bad=on_instances(3),
        says="maxSize is 3; while a CANARY deployment moves traffic, app needs 4 instances for 2 old and 2 new tasks.",
    ),
    Case(
        rule="scale-to-zero-in-dev",
        environment="dev",
        good=(service(), GPU_TASK, target(4, least=0)),
        bad=(service(), GPU_TASK, target(4, least=1)),
        says="at least 1 of its GPU tasks run",
    ),
    Case(
        rule="scale-to-zero-in-dev",
        environment="dev",
        good=(service(), CPU_TASK, group(4)),
        bad=(planned(GROUP, "machines", maxSize=4, minSize=0, warmPool={"minSize": 2}),),
        says="warmPool.minSize is 2",
    ),
    Case(
        rule="always-on-in-prod",
        good=(service(), CPU_TASK, target(4, least=1)),
        bad=(service(), CPU_TASK, target(4, least=0)),
        says="it may have 0 tasks",
    ),
    Case(
        rule="gpu-allow-list",
        environment="dev",
        good=(template(),),
        bad=(template(instanceType="p5.48xlarge"),),
        says="p5.48xlarge has H100 GPUs; dev allows T4, L4, A10G.",
    ),
    Case(
        rule="rollback-configured",
        good=(service(),),
        bad=(service(alarms={"enable": True, "rollback": False, "alarmNames": ["errors"]}),),
        says="alarms.rollback is not true",
    ),
    Case(
        rule="rollback-configured",
        environment="staging",
        good=(service(alarms=None),),
        bad=(service(deploymentCircuitBreaker=None),),
        says="deploymentCircuitBreaker.enable is not true",
    ),
    Case(
        rule="deletion-protection-in-prod",
        good=(planned(BALANCER, "edge", enableDeletionProtection=True),),
        bad=(planned(BALANCER, "edge"),),
        says="enableDeletionProtection is not true",
    ),
    Case(
        rule="deletable-in-dev",
        environment="dev",
        good=(planned("aws:s3/bucket:Bucket", "weights", forceDestroy=True),),
        bad=(planned("aws:s3/bucket:Bucket", "weights"),),
        says="forceDestroy is not true",
    ),
    Case(
        rule="health-checks",
        good=(planned(TARGET_GROUP, "blue", healthCheck={"path": "/health/ready"}), CPU_TASK),
        bad=(planned(TARGET_GROUP, "blue", healthCheck={"path": "/"}), CPU_TASK),
        says="healthCheck.path is '/'",
    ),
    Case(
        rule="health-checks",
        good=(task("task", container(), container(name="collector", portMappings=[], healthCheck=None)),),
        bad=(task("task", container(healthCheck=None)),),
        says="container 'app' has no healthCheck.command.",
    ),
    Case(
        rule="imdsv2",
        good=(template(),),
        bad=(template(metadataOptions={"httpTokens": "optional"}),),
        says="metadataOptions.httpTokens is optional",
    ),
    Case(
        rule="encrypted-disks",
        good=(template(),),
        bad=(template(blockDeviceMappings=[{"deviceName": "/dev/xvda", "ebs": {"volumeSize": 100}}]),),
        says="the disk /dev/xvda is not encrypted.",
    ),
)
