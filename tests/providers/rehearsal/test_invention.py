"""Invented outputs have the cloud's shape and never change without a reason."""

from __future__ import annotations

import re
from typing import Any

import pytest

from plan.tokens import UNKNOWN
from providers.rehearsal.invention import Inventor, auto_name, foretold
from providers.rehearsal.values import secret
from tests.providers.rehearsal.good import INPUTS, aws

_ARN = r"arn:aws:[a-z0-9-]+:[a-z0-9-]*:(\d{12})?:.+"


def _create(token: str, inputs: dict[str, Any] | None = None, name: str = "x") -> tuple[str, dict[str, Any]]:
    urn = f"urn:pulumi:dev::sample::{token}::{name}"
    shape = aws().sdk.resource_type(token).outputs
    return Inventor(aws()).create(urn, token, INPUTS[token] if inputs is None else inputs, shape)


@pytest.mark.parametrize(
    ("token", "pattern"),
    [
        ("aws:ec2/vpc:Vpc", r"vpc-[0-9a-f]{17}"),
        ("aws:ec2/subnet:Subnet", r"subnet-[0-9a-f]{17}"),
        ("aws:ec2/launchTemplate:LaunchTemplate", r"lt-[0-9a-f]{17}"),
        ("aws:ecs/cluster:Cluster", r"arn:aws:ecs:us-east-1:123456789012:cluster/sample"),
        ("aws:ecs/service:Service", r"arn:aws:ecs:us-east-1:123456789012:service/sample/sample"),
        ("aws:iam/role:Role", r"task"),
        ("aws:lb/loadBalancer:LoadBalancer", _ARN + r":loadbalancer/app/sample/[0-9a-f]{16}"),
        ("aws:lb/listener:Listener", _ARN + r":listener/app/sample/1/[0-9a-f]{16}"),
        ("aws:lb/listenerRule:ListenerRule", _ARN + r":listener-rule/app/sample/1/2/[0-9a-f]{16}"),
    ],
)
def test_identifiers_look_like_the_clouds(token: str, pattern: str) -> None:
    """By type, from the catalog."""
    identifier, _ = _create(token)

    assert re.fullmatch(pattern.replace(_ARN, r"arn:aws:[a-z]+:us-east-1:\d{12}"), identifier)


@pytest.mark.parametrize("token", INPUTS)
def test_every_output_has_the_type_that_the_sdk_says(token: str) -> None:
    """A program's `apply` meets what it expects."""
    from providers.rehearsal.checking import check_strictly
    from providers.rehearsal.findings import Finding, InputPlace

    _, outputs = _create(token)

    seen = check_strictly(outputs, aws().sdk.resource_type(token).outputs, InputPlace(), token)
    assert [each.sentence for each in seen if isinstance(each, Finding)] == []


def test_the_same_inputs_give_the_same_outputs() -> None:
    """Today and tomorrow, on every machine."""
    assert _create("aws:ec2/vpc:Vpc") == _create("aws:ec2/vpc:Vpc")


def test_other_inputs_or_another_name_give_another_identity() -> None:
    """Two resources are never one."""
    ids = {_create("aws:ec2/vpc:Vpc")[0], _create("aws:ec2/vpc:Vpc", name="y")[0]}
    ids.add(_create("aws:ec2/vpc:Vpc", {"cidrBlock": "10.1.0.0/16"})[0])

    assert len(ids) == 3


def test_a_preview_knows_inputs_only() -> None:
    """What only the cloud knows is unknown."""
    outputs = foretold({"cidrBlock": "10.0.0.0/16"}, aws().sdk.resource_type("aws:ec2/vpc:Vpc").outputs)

    assert outputs["cidrBlock"] == "10.0.0.0/16"
    assert outputs["arn"] == UNKNOWN


def test_a_secret_input_comes_back_as_a_secret() -> None:
    """The state keeps it encrypted."""
    _, outputs = _create("aws:ssm/parameter:Parameter", {"name": "/k", "type": "SecureString", "value": secret("s")})

    assert outputs["value"] == secret("s")


def test_an_update_keeps_what_was_invented_and_counts_versions() -> None:
    """The ARN stays; a launch template's version goes up; an input that is gone is gone."""
    token = "aws:ec2/launchTemplate:LaunchTemplate"
    _, before = _create(token, {"name": "a", "instanceType": "g6.xlarge", "description": "x"})

    after = Inventor(aws()).update(
        token,
        before,
        {"name": "a", "instanceType": "g6.xlarge", "description": "x"},
        {"name": "a", "instanceType": "g5.xlarge"},
    )

    assert (after["arn"], after["instanceType"]) == (before["arn"], "g5.xlarge")
    assert after["latestVersion"] == 2
    assert "description" not in after


def test_a_resource_without_a_name_gets_one() -> None:
    """Logical name and seven hex digits, as the provider does it; some types have no names of their own."""
    named = auto_name(
        aws().outputs, "urn:pulumi:dev::p::aws:lb/targetGroup:TargetGroup::blue", "aws:lb/targetGroup:TargetGroup"
    )

    assert named is not None
    assert re.fullmatch(r"blue-[0-9a-f]{7}", named[1])
    assert (
        auto_name(aws().outputs, "urn:pulumi:dev::p::aws:route53/record:Record::r", "aws:route53/record:Record") is None
    )
