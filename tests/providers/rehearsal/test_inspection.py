"""Unknown inputs stay unknown, secrets stay secret, and the report says who validated what."""

from __future__ import annotations

from typing import Any

import pytest

from plan.tokens import UNKNOWN
from providers.rehearsal.values import secret
from tests.providers.rehearsal.good import INPUTS, changed, inspected, sentences

_SERVICE = "aws:ecs/service:Service"
_TASK = "aws:ecs/taskDefinition:TaskDefinition"


def _shown(inputs: Any) -> list[str]:
    return [each.shown for each in inputs]


def test_an_unknown_input_is_neither_wrong_nor_validated() -> None:
    """What another resource will give is listed as unknown; all else is checked."""
    inspection = inspected(_SERVICE, changed(INPUTS[_SERVICE], "taskDefinition", UNKNOWN))

    assert inspection.findings == ()
    assert _shown(inspection.unknown) == ["task_definition"]
    assert _shown(inspection.unvalidated) == []


def test_what_is_known_beside_an_unknown_is_checked() -> None:
    """An unknown neighbour excuses nothing."""
    inputs = changed(INPUTS[_SERVICE], "networkConfiguration.subnets.0", UNKNOWN)

    inspection = inspected(_SERVICE, changed(inputs, "networkConfiguration.subnets.1", 7))

    assert "network_configuration.subnets[1] is 7; it must be text" in sentences(inspection.findings)
    assert _shown(inspection.unknown) == ["network_configuration.subnets[0]"]


def test_an_unknown_document_is_one_unknown_input() -> None:
    """Container definitions that hold an output are not known as a whole."""
    inspection = inspected(_TASK, changed(INPUTS[_TASK], "family", "sample") | {"containerDefinitions": UNKNOWN})

    assert inspection.findings == ()
    assert _shown(inspection.unknown) == ["container_definitions"]


def test_a_required_input_may_be_unknown() -> None:
    """Unknown is not missing."""
    assert inspected("aws:ec2/subnet:Subnet", {"vpcId": UNKNOWN, "cidrBlock": "10.0.0.0/20"}).findings == ()


def test_a_secret_is_checked_and_never_shown() -> None:
    """The sentence says where, not what."""
    inspection = inspected(_SERVICE, {**INPUTS[_SERVICE], "deploymentConfiguration": secret({"strategy": "hunter2"})})

    told = sentences(inspection.findings)
    assert "deployment_configuration.strategy is [secret]; it must be one of" in told
    assert "hunter2" not in told
    assert "Did you mean" not in told


def test_a_secret_document_is_checked() -> None:
    """A policy in a secret is still a policy."""
    inputs = {"name": "task", "role": "task", "policy": secret("not a policy")}

    told = sentences(inspected("aws:iam/rolePolicy:RolePolicy", inputs).findings)

    assert "policy is not JSON" in told


def test_the_schemas_that_validated_something_are_named() -> None:
    """Each with its version or date."""
    labels = [each.partition(" ")[0] for each in inspected(_SERVICE).by]

    assert labels == ["sdk", "botocore", "cloudformation", "rules"]


def test_an_input_that_only_the_sdk_knows_is_not_validated() -> None:
    """The SDK says that it is a text, nobody says which."""
    inputs = {
        **INPUTS["aws:lb/targetGroup:TargetGroup"],
        "lambdaMultiValueHeadersEnabled": True,
        "preserveClientIp": "x",
    }

    assert _shown(inspected("aws:lb/targetGroup:TargetGroup", inputs).unvalidated) == ["preserve_client_ip"]


def test_map_keys_are_shown_as_they_are() -> None:
    """Only names of properties are put into snake case."""
    inputs = {**INPUTS["aws:ec2/vpc:Vpc"], "tags": {"costCenter": UNKNOWN}}

    assert _shown(inspected("aws:ec2/vpc:Vpc", inputs).unknown) == ["tags.costCenter"]


def test_a_policy_that_nobody_could_read_is_not_validated(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without cfn-lint there is no grammar, and silence is no approval."""
    from providers.rehearsal.clouds.aws import iam

    monkeypatch.setattr(iam, "source", lambda: "")
    inputs = {"name": "task", "role": "task", "policy": "not a policy"}

    assert _shown(inspected("aws:iam/rolePolicy:RolePolicy", inputs).unvalidated) == ["policy"]


def test_a_document_without_its_schema_is_not_validated(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without botocore nobody knows what a container definition is."""
    from providers.rehearsal.clouds.aws import botocore_models

    monkeypatch.setattr(botocore_models, "shape", lambda *_: None)

    assert "container_definitions" in _shown(inspected("aws:ecs/taskDefinition:TaskDefinition").unvalidated)
