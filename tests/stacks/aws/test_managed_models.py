"""What an id of Bedrock's leads to, and what the api's role may do for it: decided from config alone."""

from __future__ import annotations

import json
from typing import Any

import pytest

from catalog.inference_profiles import PROFILES, geography_of, regions_of
from stacks.aws.account import Account
from stacks.aws.managed_models import (
    INVOKE,
    ManagedModel,
    applying_guardrail,
    calling_directly,
    calling_through_own_profiles,
    fallbacks_of,
    models_of,
)
from stacks.config import ConfigError, Environment
from tests.stacks.aws.test_decisions import config

ACCOUNT = Account(
    stack="aws-bedrock-dev", environment=Environment.DEV, id="123456789012", region="us-east-1", partition="aws"
)
LITE = "foundation-model/amazon.nova-lite-v1:0"
OWN = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/*"
SYSTEM = "arn:aws:bedrock:us-east-1:123456789012:inference-profile"


def models(*ids: str, **keys: Any) -> list[ManagedModel]:
    """The models of these ids as fallbacks of a stack in us-east-1."""
    given = config(fallbacks=[{"model": each} for each in ids], **keys)
    return list(models_of(given, fallbacks_of(given)).values())


@pytest.mark.parametrize(
    ("id_", "source", "regions"),
    [
        ("amazon.nova-lite-v1:0", "eu-west-1", ("eu-west-1",)),
        ("us.amazon.nova-lite-v1:0", "us-east-1", ("us-east-1", "us-east-2", "us-west-2")),
        ("us.amazon.nova-lite-v1:0", "us-west-1", ("us-east-1", "us-east-2", "us-west-1", "us-west-2")),
        ("us.amazon.nova-lite-v1:0", "eu-west-1", None),
        ("us.acme.model-v1:0", "us-east-1", None),
        ("global.amazon.nova-2-lite-v1:0", "us-east-1", None),
    ],
)
def test_a_profile_leads_where_awss_table_says(id_: str, source: str, regions: tuple[str, ...] | None) -> None:
    """A geography's regions and the caller's own; what the table does not have nobody guesses."""
    assert regions_of(id_, source) == regions


@pytest.mark.parametrize("id_", PROFILES)
def test_a_profile_of_the_catalog_stays_in_its_geography(id_: str) -> None:
    """Its first letters are those of each of its regions, and it can be called from where it leads, but for Osaka."""
    begins = {"us": "us-", "eu": "eu-", "apac": "ap-", "au": "ap-southeast-", "ca": "ca-"}[geography_of(id_)]

    assert all(each.startswith(begins) for each in PROFILES[id_].to)
    assert set(PROFILES[id_].to) - set(PROFILES[id_].sources) <= {"ap-northeast-3"}


def test_a_profile_that_nobody_knows_asks_for_its_regions() -> None:
    """The sentence has the key, the id and where it was to be called from; with the regions said it is a model like others."""
    with pytest.raises(
        ConfigError, match=r"trimaran:fallbacks\[0\].model is 'us.acme.x-v1:0'.* from us-east-1: say its regions"
    ):
        models("us.acme.x-v1:0")

    [known] = models("us.acme.x-v1:0", regions={"us.acme.x-v1:0": ["us-east-1", "us-west-2"]})
    assert known.model_arns(ACCOUNT) == [
        "arn:aws:bedrock:us-east-1::foundation-model/acme.x-v1:0",
        "arn:aws:bedrock:us-west-2::foundation-model/acme.x-v1:0",
    ]


def test_a_model_of_one_region_is_called_by_its_own_arn() -> None:
    """And nothing else is allowed."""
    assert calling_directly(ACCOUNT, models("amazon.nova-lite-v1:0")) == [
        {"Effect": "Allow", "Action": list(INVOKE), "Resource": [f"arn:aws:bedrock:us-east-1::{LITE}"]}
    ]
    assert calling_directly(ACCOUNT, []) == []


def test_a_profile_needs_its_model_in_each_region_and_through_itself_alone() -> None:
    """The model cannot be called past the profile, nor in a region that the profile does not lead to."""
    profile, behind = calling_directly(ACCOUNT, models("us.amazon.nova-lite-v1:0"))

    assert profile["Resource"] == [f"{SYSTEM}/us.amazon.nova-lite-v1:0"]
    assert "bedrock:GetInferenceProfile" in profile["Action"]
    assert behind["Resource"] == [
        f"arn:aws:bedrock:{region}::{LITE}" for region in ("us-east-1", "us-east-2", "us-west-2")
    ]
    assert behind["Condition"] == {"ArnEquals": {"bedrock:InferenceProfileArn": profile["Resource"]}}


@pytest.mark.parametrize("own", [False, True])
def test_a_global_profile_takes_three_statements(own: bool) -> None:
    """The profile, the model in the region of the call, and the model in no region while the request says `unspecified`."""
    calling = calling_through_own_profiles if own else calling_directly

    profile, here, anywhere = calling(ACCOUNT, models("global.amazon.nova-2-lite-v1:0"))

    through = [OWN] if own else [f"{SYSTEM}/global.amazon.nova-2-lite-v1:0"]
    assert profile["Resource"] == through
    assert here["Resource"] == ["arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-2-lite-v1:0"]
    assert anywhere["Resource"] == ["arn:aws:bedrock:::foundation-model/amazon.nova-2-lite-v1:0"]
    assert anywhere["Condition"]["StringEquals"] == {"aws:RequestedRegion": "unspecified"}
    for statement in (here, anywhere):
        [asked] = [each for name, each in statement["Condition"].items() if name.startswith("Arn")]
        assert asked == {"bedrock:InferenceProfileArn": through}


def test_profiles_of_ones_own_are_those_with_the_stacks_tag() -> None:
    """Their ARNs are not known before they are made: every part of the policy is plain, so that it can be judged."""
    profile, behind = calling_through_own_profiles(ACCOUNT, models("us.amazon.nova-lite-v1:0", "amazon.nova-lite-v1:0"))

    assert profile["Condition"] == {"StringEquals": {"aws:ResourceTag/trimaran-stack": "aws-bedrock-dev"}}
    assert len(behind["Resource"]) == 3
    assert json.dumps([profile, behind])


def test_a_guardrail_is_named_by_its_id_or_bound_by_its_tag() -> None:
    """That of an id needs no condition; the stack's own has no id yet."""
    assert applying_guardrail(ACCOUNT, "ab12")[0]["Resource"] == [
        "arn:aws:bedrock:us-east-1:123456789012:guardrail/ab12"
    ]
    assert "Condition" in applying_guardrail(ACCOUNT, None)[0]
