"""The declared list of price-bearing inputs is true: it is all that is read, and the SDK knows every one of it."""

from __future__ import annotations

import ast
import importlib
import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cost import aws as quantities
from cost.aws.bearing import READS
from cost.aws.free import FREE
from cost.families import BILLED
from cost.inputs import Inputs
from tests.cost.made import lines, state

_READERS = ("amount", "text", "flag", "has", "count", "each", "texts")
# The types that the AWS stacks are made of; each is priced, free with a source, or open until usage is stated.
DECLARED = [
    "acm/certificate:Certificate",
    "acm/certificateValidation:CertificateValidation",
    "appautoscaling/policy:Policy",
    "appautoscaling/scheduledAction:ScheduledAction",
    "appautoscaling/target:Target",
    "autoscaling/group:Group",
    "budgets/budget:Budget",
    "cloudwatch/logGroup:LogGroup",
    "cloudwatch/logMetricFilter:LogMetricFilter",
    "cloudwatch/metricAlarm:MetricAlarm",
    "ec2/eip:Eip",
    "ec2/internetGateway:InternetGateway",
    "ec2/launchTemplate:LaunchTemplate",
    "ec2/natGateway:NatGateway",
    "ec2/route:Route",
    "ec2/routeTable:RouteTable",
    "ec2/routeTableAssociation:RouteTableAssociation",
    "ec2/securityGroup:SecurityGroup",
    "ec2/subnet:Subnet",
    "ec2/vpc:Vpc",
    "ec2/vpcEndpoint:VpcEndpoint",
    "ec2/capacityReservation:CapacityReservation",
    "ecr/lifecyclePolicy:LifecyclePolicy",
    "ecr/repository:Repository",
    "ecs/capacityProvider:CapacityProvider",
    "ecs/cluster:Cluster",
    "ecs/clusterCapacityProviders:ClusterCapacityProviders",
    "ecs/service:Service",
    "ecs/taskDefinition:TaskDefinition",
    "elasticache/replicationGroup:ReplicationGroup",
    "elasticache/subnetGroup:SubnetGroup",
    "iam/instanceProfile:InstanceProfile",
    "iam/openIdConnectProvider:OpenIdConnectProvider",
    "iam/policy:Policy",
    "iam/role:Role",
    "iam/rolePolicy:RolePolicy",
    "iam/rolePolicyAttachment:RolePolicyAttachment",
    "kms/alias:Alias",
    "kms/key:Key",
    "lambda/function:Function",
    "lambda/permission:Permission",
    "lb/listener:Listener",
    "lb/listenerRule:ListenerRule",
    "lb/loadBalancer:LoadBalancer",
    "lb/targetGroup:TargetGroup",
    "route53/record:Record",
    "route53/zone:Zone",
    "s3/bucket:Bucket",
    "s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration",
    "s3/bucketPolicy:BucketPolicy",
    "s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
    "s3/bucketVersioning:BucketVersioning",
    "s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
    "secretsmanager/secret:Secret",
    "servicediscovery/privateDnsNamespace:PrivateDnsNamespace",
    "servicediscovery/service:Service",
    "sns/topic:Topic",
    "sns/topicSubscription:TopicSubscription",
    "ssm/parameter:Parameter",
    "vpc/securityGroupEgressRule:SecurityGroupEgressRule",
    "vpc/securityGroupIngressRule:SecurityGroupIngressRule",
]


@pytest.mark.parametrize("type_", DECLARED)
def test_every_type_is_declared(type_: str) -> None:
    """Billed or free, never forgotten."""
    assert (f"aws:{type_}" in BILLED) != (f"aws:{type_}" in FREE)


def test_what_is_free_says_where_that_is_said() -> None:
    """A declaration without a source is a guess."""
    assert all(FREE.values())
    assert not set(FREE) & set(BILLED)


@pytest.mark.parametrize("type_", sorted(BILLED))
def test_a_resource_without_any_input_is_still_billed_honestly(type_: str) -> None:
    """Nothing raises; what cannot be told is unknown or open."""
    lines(state(type_))


def test_reading_an_input_that_is_not_declared_fails() -> None:
    """So that the list is all that is read."""
    with pytest.raises(LookupError, match=r"bearing\.py"):
        Inputs(type="aws:kms/key:Key", values={}).amount("rotationPeriodInDays")


def test_every_path_in_the_code_is_declared() -> None:
    """Also in branches that no test takes: the paths are literals, or made of declared ones."""
    declared = {part for paths in READS.values() for path in paths for part in (path, path.rpartition("[].")[2])}
    tails = {path.rpartition(".")[2] for path in declared} | declared

    assert not {path for path in _literal_paths() if path not in declared and path.lstrip(".") not in tails}


@pytest.mark.parametrize(("type_", "path"), [(type_, path) for type_, paths in READS.items() for path in paths])
def test_the_sdk_knows_every_declared_input(type_: str, path: str) -> None:
    """A misspelt input would silently be the default."""
    names = set(_property_names(type_))

    assert all(part.removesuffix("[]") in names for part in path.split("."))


def _literal_paths() -> Iterator[str]:
    for source in Path(quantities.__path__[0]).glob("*.py"):
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args):
                continue
            path = node.args[0]
            owner = ast.unparse(node.func.value)
            if node.func.attr in _READERS and "usage" not in owner and isinstance(path, ast.Constant):
                yield str(path.value)


def _property_names(type_: str) -> Iterator[str]:
    """The wire names of a resource's inputs and of everything nested in them."""
    module, _, class_name = type_.removeprefix("aws:").partition("/")
    package = {"lambda": "lambda_"}.get(module, module)
    args = getattr(importlib.import_module(f"pulumi_aws.{package}"), f"{class_name.partition(':')[2]}Args")
    nested = importlib.import_module(f"pulumi_aws.{package}._inputs")
    prefix = args.__name__.removesuffix("Args")
    for name, each in [(args.__name__, args), *inspect.getmembers(nested, inspect.isclass)]:
        if name.startswith(prefix) and name.endswith("Args"):
            yield from (_wire_name(member) for _, member in inspect.getmembers(each) if isinstance(member, property))


def _wire_name(member: Any) -> str:
    name = getattr(member.fget, "_pulumi_name", None)
    return name or str(member.fget.__name__)
