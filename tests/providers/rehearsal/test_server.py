"""The servicer's answers that an engine run does not show: unknown types, empty names, adoption, components."""

from __future__ import annotations

import json
from typing import Any

import grpc
import pytest
from google.protobuf import json_format, struct_pb2
from pulumi.runtime.proto import provider_pb2

from plan.tokens import UNKNOWN
from providers.rehearsal.record import RehearsalRecord
from providers.rehearsal.server import RehearsalProvider
from tests.providers.rehearsal.good import INPUTS, aws


class Aborted(Exception):
    """What a real context does with a call that it aborts."""


class Context:
    """The part of a call's context that is used."""

    def abort(self, code: grpc.StatusCode, details: str) -> None:
        raise Aborted(details)


@pytest.fixture
def record() -> RehearsalRecord:
    return RehearsalRecord()


@pytest.fixture
def provider(record: RehearsalRecord) -> RehearsalProvider:
    return RehearsalProvider(aws(), record, gpu_quota=4)


def _urn(token: str, name: str = "x") -> str:
    return f"urn:pulumi:dev::sample::{token}::{name}"


def _struct(values: dict[str, Any]) -> struct_pb2.Struct:
    return json_format.ParseDict(values, struct_pb2.Struct())


def _check(
    provider: RehearsalProvider, token: str, inputs: dict[str, Any], name: str = "x"
) -> provider_pb2.CheckResponse:
    request = provider_pb2.CheckRequest(urn=_urn(token, name), news=_struct(inputs))
    return provider.Check(request, Context())  # type: ignore[arg-type]


def test_an_unknown_type_is_refused_with_the_nearest_one(provider: RehearsalProvider) -> None:
    """A token of another version of the SDK, say."""
    answer = _check(provider, "aws:ecs/services:Service", {})

    assert "aws:ecs/services:Service is not a type of aws" in answer.failures[0].reason
    assert "Did you mean 'aws:ecs/service:Service'?" in answer.failures[0].reason


def test_a_failure_names_the_property(provider: RehearsalProvider, record: RehearsalRecord) -> None:
    """For the engine's own message; the record keeps it for ours."""
    answer = _check(provider, "aws:ec2/vpc:Vpc", {"cidrBlok": "10.0.0.0/16"})

    assert [each.property for each in answer.failures] == ["cidrBlok"]
    assert record.inspections[_urn("aws:ec2/vpc:Vpc")].findings[0].sentence.startswith("cidrBlok is not a property")


def test_a_nameless_resource_is_named_and_the_name_is_checked(provider: RehearsalProvider) -> None:
    """A long logical name makes a target group's invented name too long, as with the real provider."""
    inputs = {key: value for key, value in INPUTS["aws:lb/targetGroup:TargetGroup"].items() if key != "name"}

    good = _check(provider, "aws:lb/targetGroup:TargetGroup", inputs, "blue")
    bad = _check(provider, "aws:lb/targetGroup:TargetGroup", inputs, "a-very-long-logical-name-indeed")

    assert json_format.MessageToDict(good.inputs)["name"].startswith("blue-")
    assert "name is 'a-very-long-logical-name-indeed-" in bad.failures[0].reason


def test_the_configured_region_is_in_what_is_invented(provider: RehearsalProvider) -> None:
    """Each provider's own region."""
    provider.Configure(provider_pb2.ConfigureRequest(args=_struct({"region": "eu-west-1"})), Context())  # type: ignore[arg-type]
    request = provider_pb2.CreateRequest(urn=_urn("aws:ecs/cluster:Cluster"), properties=_struct({"name": "sample"}))

    made = provider.Create(request, Context())  # type: ignore[arg-type]

    assert made.id == "arn:aws:ecs:eu-west-1:123456789012:cluster/sample"


def test_something_that_exists_already_can_be_adopted(provider: RehearsalProvider) -> None:
    """`Vpc.get` finds a VPC with the id that was asked for."""
    found = provider.Read(provider_pb2.ReadRequest(id="vpc-1", urn=_urn("aws:ec2/vpc:Vpc")), Context())  # type: ignore[arg-type]

    assert found.id == "vpc-1"
    assert json_format.MessageToDict(found.properties)["arn"].startswith("arn:aws:ec2:")


def test_an_unexpected_look_up_is_a_failure(provider: RehearsalProvider, record: RehearsalRecord) -> None:
    """Named in the answer and in the record."""
    answer = provider.Invoke(provider_pb2.InvokeRequest(tok="aws:ec2/getVpcs:getVpcs"), Context())  # type: ignore[arg-type]

    assert "aws:ec2/getVpcs:getVpcs has no rehearsed answer" in answer.failures[0].reason
    assert len(record.refused_lookups) == 1


def test_a_component_inside_a_provider_is_refused(provider: RehearsalProvider) -> None:
    """Nobody could see its resources."""
    with pytest.raises(Aborted, match="eks:index:Cluster is a component inside its provider"):
        provider.Construct(provider_pb2.ConstructRequest(type="eks:index:Cluster"), Context())  # type: ignore[arg-type]


def test_the_quota_is_that_of_the_stacks_config(provider: RehearsalProvider) -> None:
    """Four GPUs at most here, and this group could have five."""
    _check(provider, "aws:ec2/launchTemplate:LaunchTemplate", INPUTS["aws:ec2/launchTemplate:LaunchTemplate"])

    answer = _check(provider, "aws:autoscaling/group:Group", {**INPUTS["aws:autoscaling/group:Group"], "maxSize": 5})

    assert "limits.gpuQuota is 4" in answer.failures[0].reason


def test_a_policy_given_as_values_becomes_a_text(provider: RehearsalProvider) -> None:
    """As the provider sends it; with an unknown part the whole text is unknown."""
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": "*"}]}

    known = _check(provider, "aws:iam/policy:Policy", {"name": "p", "policy": policy})
    policy["Statement"][0]["Resource"] = UNKNOWN  # type: ignore[index]
    unknown = _check(provider, "aws:iam/policy:Policy", {"name": "p", "policy": policy})

    assert json.loads(json_format.MessageToDict(known.inputs)["policy"])["Version"] == "2012-10-17"
    assert json_format.MessageToDict(unknown.inputs)["policy"] == UNKNOWN
