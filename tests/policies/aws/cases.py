"""A passing and a failing case for each rule on AWS, and for each type that it checks."""

from __future__ import annotations

from tests.policies.aws import capacity, each_type, managed, reach, supply

SDK = "pulumi_aws"
CASES = (*capacity.CASES, *supply.CASES, *reach.CASES, *each_type.CASES, *managed.CASES)
