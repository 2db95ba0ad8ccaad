"""Look-ups are answered from a dated file, policy documents for real, anything else is refused by name."""

from __future__ import annotations

import json

import pytest

from providers.rehearsal import lookups
from providers.rehearsal.clouds.aws import policy_documents
from providers.rehearsal.invention import Inventor
from tests.providers.rehearsal.good import aws


def _answer(token: str, **arguments: object) -> dict[str, object]:
    return lookups.answer(aws(), token, dict(arguments), Inventor(aws()))


def test_the_account_and_region_are_the_rehearsed_ones() -> None:
    """The same in every look-up."""
    assert _answer("aws:index/getCallerIdentity:getCallerIdentity")["accountId"] == "123456789012"
    assert _answer("aws:index/getAvailabilityZones:getAvailabilityZones")["names"] == [
        "us-east-1a",
        "us-east-1b",
        "us-east-1c",
    ]


def test_an_answer_holds_for_arguments_that_match() -> None:
    """An AMI parameter has an image id, another parameter has no answer."""
    name = "/aws/service/ecs/optimized-ami/amazon-linux-2023/gpu/recommended/image_id"

    assert str(_answer("aws:ssm/getParameter:getParameter", name=name)["value"]).startswith("ami-")
    with pytest.raises(lookups.UnexpectedLookup, match="no rehearsed answer with these arguments"):
        _answer("aws:ssm/getParameter:getParameter", name="/mine")


def test_an_unexpected_look_up_names_its_token_and_the_file() -> None:
    """So that the answer can be added, or the value taken from config."""
    with pytest.raises(lookups.UnexpectedLookup) as raised:
        _answer("aws:ec2/getVpcs:getVpcs")

    assert "aws:ec2/getVpcs:getVpcs has no rehearsed answer" in str(raised.value)
    assert "catalog/rehearsal/aws/lookups.toml" in str(raised.value)


def test_a_policy_document_is_rendered() -> None:
    """Statements, principals and conditions as the provider writes them."""
    found = _answer(
        "aws:iam/getPolicyDocument:getPolicyDocument",
        statements=[
            {
                "sid": "A",
                "actions": ["s3:GetObject", "s3:ListBucket"],
                "resources": ["*"],
                "principals": [{"type": "Service", "identifiers": ["ecs-tasks.amazonaws.com"]}],
                "conditions": [{"test": "StringEquals", "variable": "aws:SourceAccount", "values": ["1"]}],
            }
        ],
    )

    assert json.loads(str(found["json"])) == {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "A",
                "Effect": "Allow",
                "Action": ["s3:ListBucket", "s3:GetObject"],
                "Resource": "*",
                "Principal": {"Service": "ecs-tasks.amazonaws.com"},
                "Condition": {"StringEquals": {"aws:SourceAccount": "1"}},
            }
        ],
    }


def test_an_override_replaces_the_statement_of_the_same_sid() -> None:
    """As the provider merges documents."""
    source = json.dumps({"Statement": [{"Sid": "A", "Effect": "Allow"}, {"Effect": "Deny"}]})
    override = json.dumps({"Statement": {"Sid": "A", "Effect": "Deny"}})

    found = policy_documents.render({"sourcePolicyDocuments": [source], "overridePolicyDocuments": [override]})

    assert json.loads(found["json"])["Statement"] == [{"Effect": "Deny"}, {"Sid": "A", "Effect": "Deny"}]
