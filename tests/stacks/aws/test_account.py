"""Where a stack on AWS goes, as far as config alone decides it."""

from __future__ import annotations

from typing import cast

import pytest

from catalog.aws_regions import REGIONS
from catalog.inference_profiles import PROFILES
from stacks.aws.account import account_of
from stacks.aws.config import AwsConfig
from stacks.config import ConfigError
from stacks.parsing import parse


@pytest.mark.parametrize(
    ("region", "near"), [("eu-central-7", "eu-central-"), ("us-eastt-1", "us-east-1"), ("moon", "us-east-1")]
)
def test_a_region_that_is_none_is_refused(region: str, near: str) -> None:
    """Before anything is asked of it: nothing there has a price, and nothing could be made."""
    with pytest.raises(ConfigError, match=f"aws:region is '{region}', which is no region of AWS") as raised:
        account_of(cast("AwsConfig", parse({"aws:region": region}, "aws-foundation-dev")))

    assert f"config set aws:region {near}" in raised.value.hint


def test_no_region_where_profiles_are_called_is_refused() -> None:
    """Two lists of regions, of two sources, agree."""
    assert {region for each in PROFILES.values() for region in (*each.to, *each.sources)} <= set(REGIONS)
