"""A gate says no in one sentence with the numbers, says what it could not see, and never passes the unknown for nothing."""

from __future__ import annotations

from decimal import Decimal

import pytest

from cost.amounts import Case
from cost.estimate import estimate
from cost.gates import Gates, judge
from tests.cost.aws.test_quantities import gpu_group
from tests.plan.made import created, preview, state, step

NAT = "aws:ec2/natGateway:NatGateway"
KEY = "aws:kms/key:Key"
DEARER = estimate(
    preview(
        step(state("aws:ec2/eip:Eip", "a"), state("aws:ec2/eip:Eip", "a")),
        step(None, state("aws:ec2/eip:Eip", "b")),
    )
)


@pytest.mark.parametrize(
    ("gates", "sentence"),
    [
        (Gates(max_usd_per_month=Decimal(7)), "$7.30 a month is above --max-usd-per-month of $7.00."),
        (Gates(budget_usd=Decimal(7)), "$7.30 a month is above trimaran:limits.monthlyUsd of $7.00."),
        (Gates(max_increase_usd=Decimal(3)), "$3.65 more a month is above --max-increase-usd of $3.00."),
        (
            Gates(max_increase_percent=Decimal(50)),
            "100.0 % more a month ($3.65 to $7.30) is above --max-increase-percent of 50 %.",
        ),
    ],
)
def test_a_limit_that_is_passed_is_told_with_its_numbers(gates: Gates, sentence: str) -> None:
    """One sentence a limit."""
    assert judge(DEARER, gates, Case.EXPECTED).refused == (sentence,)


@pytest.mark.parametrize(
    "gates",
    [
        Gates(),
        Gates(max_usd_per_month=Decimal("7.30")),
        Gates(max_increase_usd=Decimal("3.65")),
        Gates(max_increase_percent=Decimal(100)),
        Gates(fail_on_unknown=True),
    ],
)
def test_a_limit_that_is_kept_says_nothing(gates: Gates) -> None:
    """The limit itself is still allowed."""
    verdict = judge(DEARER, gates, Case.EXPECTED)

    assert not verdict.refused
    assert not verdict.blind


def test_an_unknown_line_is_refused_only_when_asked() -> None:
    """But a limit always says what it could not see."""
    result = estimate(created(state(NAT), region="ap-south-2"))

    assert judge(result, Gates(max_usd_per_month=Decimal(1)), Case.EXPECTED).blind == (
        "2 lines have no number and were counted as nothing by the limits.",
    )
    refused = judge(result, Gates(fail_on_unknown=True), Case.EXPECTED).refused
    assert refused[0].startswith("NAT gateway of one is unknown: no rate for aws:vpc:nat-gateway in ap-south-2")
    assert refused[0].endswith(", and 1 more.")


def test_a_percentage_of_nothing_cannot_be_judged() -> None:
    """A first deploy has nothing to compare with; that is said, not passed over."""
    verdict = judge(estimate(created(state(KEY))), Gates(max_increase_percent=Decimal(5)), Case.LOW)

    assert not verdict.refused
    assert "cannot be judged" in verdict.blind[0]


def test_the_high_case_is_held_against_the_limit_when_asked() -> None:
    """Scaled to the maximum all month."""
    result = estimate(created(*gpu_group(minSize=0, maxSize=4)))
    gates = Gates(max_usd_per_month=Decimal(900))

    assert not judge(result, gates, Case.EXPECTED).refused
    assert judge(result, gates, Case.HIGH).refused == ("$2,382.02 a month is above --max-usd-per-month of $900.00.",)


@pytest.mark.parametrize(
    "limits", ['{"monthlyUsd":"[secret]"}', "[secret]", '{"monthlyUsd":"much"}', '{"monthlyUsd":[1]}']
)
def test_a_limit_that_is_set_and_cannot_be_read_says_no(limits: str) -> None:
    """Nobody can tell that it is kept; one that is not set asks nothing."""
    verdict = judge(DEARER, Gates().with_those_of({"trimaran:limits": limits}), Case.EXPECTED)

    assert len(verdict.refused) == 1
    assert "whether monthlyUsd is kept cannot be told" in verdict.refused[0]
    assert not judge(DEARER, Gates().with_those_of({"trimaran:limits": '{"gpuQuota":4}'}), Case.EXPECTED).refused
