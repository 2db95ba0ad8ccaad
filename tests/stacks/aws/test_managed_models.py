"""What an id of Bedrock's leads to, and what the api's role may do for it: decided from config alone."""

from __future__ import annotations

import json
from typing import Any

import pytest

from catalog.inference_profiles import PROFILES, geography_of, is_chat_model, is_far, regions_of, unknown_geography
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
        ConfigError, match=r"trimaran:fallbacks\[0\].model is 'us.acme.x-v1:0'.* from us-east-1: say all its regions"
    ):
        models("us.acme.x-v1:0")

    [known] = models("us.acme.x-v1:0", regions={"us.acme.x-v1:0": ["us-east-1", "us-west-2"]})
    assert known.model_arns(ACCOUNT) == [
        "arn:aws:bedrock:us-east-1::foundation-model/acme.x-v1:0",
        "arn:aws:bedrock:us-west-2::foundation-model/acme.x-v1:0",
    ]


@pytest.mark.parametrize(
    ("regions", "sentence"),
    [
        ({"us.acme.y-v1:0": ["us-east-1"]}, "'us.acme.y-v1:0' leads, and no model of this stack reads that"),
        ({"global.amazon.nova-2-lite-v1:0": ["us-east-1"]}, "and no model of this stack reads that"),
        ({"amazon.nova-lite-v1:0": ["eu-west-1"]}, "knows where it leads from us-east-1: us-east-1"),
        ({"us.amazon.nova-lite-v1:0": ["us-east-1"]}, "from us-east-1: us-east-1, us-east-2, us-west-2"),
    ],
)
def test_regions_are_said_of_profiles_that_the_catalogue_lacks(regions: dict[str, Any], sentence: str) -> None:
    """Of others they would be wrong or without effect; neither is passed over."""
    ids = ("amazon.nova-lite-v1:0", "us.amazon.nova-lite-v1:0", "global.amazon.nova-2-lite-v1:0", "us.acme.x-v1:0")

    with pytest.raises(ConfigError, match=sentence):
        models(*ids, regions={"us.acme.x-v1:0": ["us-east-1", "us-west-2"], **regions})


def test_the_hint_for_an_unknown_profile_leads_to_no_narrowed_list() -> None:
    """It lets AWS list the regions; a command that writes the first of them would say that there is one."""
    with pytest.raises(ConfigError) as raised:
        models("us.acme.x-v1:0")

    assert "get-inference-profile --inference-profile-identifier us.acme.x-v1:0" in raised.value.hint
    assert "config set" not in raised.value.hint


@pytest.mark.parametrize(
    ("id_", "is_one"),
    [
        ("amazon.nova-lite-v1:0", True),
        ("us.amazon.nova-lite-v1:0", True),
        ("us-gov.anthropic.claude-sonnet-4-5-20250929-v1:0", True),
        ("ai21.jamba-1-5-large-v1:0", True),
        ("zai.glm-4.7", True),
        ("anthropic.claude-3-haiku-20240307-v1:0:48k", True),
        ("gpt-4o", False),
        ("gpt-4.1", False),
        ("gemini-2.5-flash", False),
        ("arn:aws:bedrock:x", False),
        ("us.", False),
        ("us.amazon", False),
        ("amazon.", False),
        ("amazon.titan-embed-text-v2:0", False),
        ("us.cohere.embed-v4:0", False),
        ("cohere.rerank-v3-5:0", False),
    ],
)
def test_what_can_be_an_id_of_a_model_that_answers_in_words(id_: str, is_one: bool) -> None:
    """A vendor and a name, with or without a geography; no name of another house, and nothing that answers in vectors."""
    assert is_chat_model(id_) is is_one


@pytest.mark.parametrize(
    ("id_", "geography"),
    [
        ("kr.amazon.nova-lite-v1:0", "kr"),
        ("uk.zai.glm-4.7", "uk"),
        ("us.amazon.nova-lite-v1:0", ""),
        ("zai.glm-4.7", ""),
        ("minimax.minimax-m2.1", ""),
        ("amazon.nova-lite-v1:0", ""),
    ],
)
def test_a_geography_that_nobody_knows_is_no_plain_model(id_: str, geography: str) -> None:
    """A plain model answers in one region, and this one might not; a version with a dot is none."""
    assert unknown_geography(id_) == geography
    assert (regions_of(id_, "us-east-1") is None) is bool(geography)


@pytest.mark.parametrize(
    ("id_", "source", "far"),
    [
        ("eu.acme.x-v1:0", "us-east-1", True),
        ("us.acme.x-v1:0", "us-gov-west-1", True),
        ("ca.acme.x-v1:0", "us-east-1", True),
        ("us.acme.x-v1:0", "ca-central-1", False),
        ("jp.acme.x-v1:0", "ap-northeast-1", False),
        ("apac.acme.x-v1:0", "me-central-1", False),
        ("global.acme.x-v1:0", "us-east-1", False),
        ("acme.x-v1:0", "us-east-1", False),
    ],
)
def test_a_profile_of_another_part_of_the_world_is_far(id_: str, source: str, far: bool) -> None:
    """Only where that is certain: a region that no geography has a claim to decides nothing."""
    assert is_far(id_, source) is far


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
