"""A passing and a failing case for each rule on AWS."""

from __future__ import annotations

from tests.policies.aws import capacity, reach, supply

SDK = "pulumi_aws"
CASES = (*capacity.CASES, *supply.CASES, *reach.CASES)
