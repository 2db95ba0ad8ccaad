"""The catalog's tables name types, shapes and paths that exist in what is installed."""

from __future__ import annotations

from typing import Any

import pytest

from catalog.names import NAME_RULES
from providers.rehearsal.clouds.aws import botocore_models, cloudformation
from tests.providers.rehearsal.good import aws

SCHEMAS: dict[str, Any] = aws().schemas


@pytest.mark.parametrize("table", ["botocore", "cloudformation", "documents"])
def test_every_type_is_in_the_sdk(table: str) -> None:
    """A type that was renamed would silently go unvalidated."""
    assert [token for token in SCHEMAS[table] if token not in aws().sdk] == []


@pytest.mark.parametrize("table", ["types", "counts", "replaces"])
def test_every_described_output_is_in_the_sdk(table: str) -> None:
    """So would one that is described under a name that nobody has."""
    for token, described in aws().outputs[table].items():
        assert token in aws().sdk, token
        shape = aws().sdk.resource_type(token)
        known = {*shape.outputs.members, *shape.inputs.members, "id"}
        assert set(described) <= known, token


def test_every_schema_and_every_renamed_path_exists() -> None:
    """Each right-hand side of `names` leads somewhere in the foreign schema."""
    for key, names in SCHEMAS["names"].items():
        shape = cloudformation.shape(key) if "::" in key else botocore_models.shape(*key.split("."))
        assert shape is not None, key
        for path in filter(None, names.values()):
            assert aws().described_by.renamed(shape, path).kind, path
    for service, name in SCHEMAS["botocore"].values():
        assert botocore_models.shape(service, name), name
    for name in SCHEMAS["cloudformation"].values():
        assert cloudformation.shape(name), name


def test_name_rules_agree_with_those_that_make_names() -> None:
    """catalog.names makes no name that the rehearsal refuses for its length."""
    pairs = {
        "aws.target_group": "aws:lb/targetGroup:TargetGroup",
        "aws.load_balancer": "aws:lb/loadBalancer:LoadBalancer",
        "aws.ecs_cluster": "aws:ecs/cluster:Cluster",
        "aws.ecs_service": "aws:ecs/service:Service",
        "aws.ecs_capacity_provider": "aws:ecs/capacityProvider:CapacityProvider",
        "aws.launch_template": "aws:ec2/launchTemplate:LaunchTemplate",
        "aws.iam_role": "aws:iam/role:Role",
        "aws.iam_policy": "aws:iam/policy:Policy",
        "aws.s3_bucket": "aws:s3/bucket:Bucket",
        "aws.ecr_repository": "aws:ecr/repository:Repository",
        "aws.lambda_function": "aws:lambda/function:Function",
        "aws.elasticache_group": "aws:elasticache/replicationGroup:ReplicationGroup",
    }
    for kind, token in pairs.items():
        assert NAME_RULES[kind].max_length == aws().limits["names"][token]["max"], kind
