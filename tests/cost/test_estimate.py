"""Lines add up, a change reversed is the change negated, twice the amount is twice the money."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cost.amounts import Case, State
from cost.estimate import estimate, estimate_of, refuse_strangers
from cost.lines import Op
from cost.usage import OwnPrice, Profile, Usage, UsageError
from plan.document import read
from tests.cost.aws.test_quantities import fargate, gpu_group
from tests.cost.made import lines, usd
from tests.plan.made import NOT_KNOWN, created, preview, state, step, urn

_NAT = "aws:ec2/natGateway:NatGateway"
_KINDS = st.sampled_from(["g6.xlarge", "g6e.xlarge", "g5.2xlarge", "no.such"])


@st.composite
def stacks(draw: st.DrawFn) -> list[dict[str, Any]]:
    """A stack of a GPU group, a service, some gateways, logs: what may come in any mix."""
    low = draw(st.integers(0, 3))
    template, group = gpu_group(minSize=low, maxSize=low + draw(st.integers(0, 3)))
    template["inputs"]["instanceType"] = draw(_KINDS)
    gateways = [state("aws:ec2/natGateway:NatGateway", f"nat{index}") for index in range(draw(st.integers(0, 3)))]
    logs = [state("aws:cloudwatch/logGroup:LogGroup", retentionInDays=draw(st.integers(0, 90)))]
    parts = [[template, group], [*fargate(desiredCount=draw(st.integers(0, 4)))], gateways, logs]
    return [each for part in parts if draw(st.booleans()) for each in part]


usages = st.builds(
    lambda log_gb, busy: Usage(expected=Profile(log_gb=log_gb, busy_hours_per_day=busy)),
    st.none() | st.decimals(0, 100, places=1),
    st.none() | st.decimals(0, 24, places=1),
)


def changes(old: list[dict[str, Any]], new: list[dict[str, Any]]) -> dict[str, Any]:
    """The preview that turns one stack into another."""
    before, after = ({each["urn"]: each for each in side} for side in (old, new))
    return preview(*(step(before.get(urn), after.get(urn)) for urn in {**before, **after}))


@settings(deadline=None)
@given(stacks(), stacks(), usages)
def test_the_total_is_the_sum_of_the_lines(old: list[Any], new: list[Any], usage: Usage) -> None:
    """Exactly, in every case, on both sides; and it says when it is only a lower bound."""
    result = estimate(changes(old, new), usage)

    for side in ("before", "after"):
        for case in Case:
            amounts = [line.usd(side, case) for line in result.lines if getattr(line, side)]
            total = result.total(side, case)
            assert total.usd == sum((each for each in amounts if each is not None), Decimal(0))
            assert total.at_least == (None in amounts)


@settings(deadline=None)
@given(stacks(), stacks(), usages)
def test_a_change_reversed_is_the_change_negated(old: list[Any], new: list[Any], usage: Usage) -> None:
    """What was before is after, and the other way round."""
    there, back = estimate(changes(old, new), usage), estimate(changes(new, old), usage)

    assert (there.total("before"), there.total("after")) == (back.total("after"), back.total("before"))
    opposite = {Op.CREATE: Op.DELETE, Op.DELETE: Op.CREATE}
    assert {(line.urn, line.key, opposite.get(line.op, line.op)) for line in there.lines} == {
        (line.urn, line.key, line.op) for line in back.lines
    }


@settings(deadline=None)
@given(stacks(), usages)
def test_nothing_changes_when_nothing_changes(stack: list[Any], usage: Usage) -> None:
    """Every line is the same."""
    result = estimate(changes(stack, stack), usage)

    assert {line.op for line in result.lines} <= {Op.SAME}
    assert result.total("before") == result.total("after")


@settings(deadline=None)
@given(stacks(), usages)
def test_low_is_not_above_expected_nor_expected_above_high(stack: list[Any], usage: Usage) -> None:
    """For each line, as far as they are known."""
    for line in estimate(created(*stack), usage).lines:
        known = [each for each in (line.usd("after", case) for case in Case) if each is not None]
        assert known == sorted(known)


@given(st.integers(1, 50), st.integers(2, 9))
def test_twice_the_quantity_is_twice_the_money(count: int, factor: int) -> None:
    """There is no rounding on the way."""
    once, more = (lines(*fargate(desiredCount=number)) for number in (count, count * factor))

    for item, line in once.items():
        assert usd(more[item]) == (usd(line) or 0) * factor


@settings(deadline=None)
@given(stacks())
def test_unknown_is_never_zero(stack: list[Any]) -> None:
    """A line without a price has no number in any case."""
    for line in estimate(created(*stack)).lines:
        if line.state is State.UNKNOWN:
            assert [line.usd("after", case) for case in Case] == [None, None, None]


def test_an_update_of_a_linked_resource_shows_where_the_money_changes() -> None:
    """The group is the same, its launch template is not: the group's line changes."""
    template, group = gpu_group(minSize=1, maxSize=1)
    larger = {**template, "inputs": {**template["inputs"], "instanceType": "g6e.xlarge"}}

    result = estimate(preview(step(template, larger), step(group, group, op="same")))

    line = next(each for each in result.lines if each.key == "instances.always-on")
    assert line.op is Op.UPDATE
    assert (usd(line, "before"), usd(line)) == (Decimal("0.8048") * 730, Decimal("1.861") * 730)


def test_a_price_of_ones_own_closes_a_gap() -> None:
    """A Spot price, or a negotiated one, is used before the catalogue's."""
    price = OwnPrice(usd=Decimal("0.32"), unit="instance-hour", checked="2026-11-01", source="our own bill")
    usage = Usage(prices={"aws:ec2:g6.xlarge": {"us-east-1": price}})

    line = lines(*gpu_group(minSize=1, maxSize=1), usage=usage)["instances.always-on"]

    assert usd(line) == Decimal("0.32") * 730
    assert line.current.rate is not None
    assert line.current.rate.source == "our own bill"


def test_a_step_that_the_engine_could_not_write_down_is_unknown() -> None:
    """The engine silently leaves the new state out; that is not a deletion."""
    broken = {"op": "update", "urn": urn(_NAT, "one"), "oldState": state(_NAT)}

    result = estimate(preview(broken))

    assert [line.state for line in result.lines if line.after] == [State.UNKNOWN]
    assert result.total("after").at_least


def test_a_replacement_that_is_shown_in_parts_is_one_change() -> None:
    """With --show-replacement-steps a resource has three steps."""
    old, new = state(_NAT, connectivityType="public"), state(_NAT, connectivityType="private")
    document = preview(
        step(None, new, op="create-replacement"),
        step(old, new, op="replace"),
        step(old, None, op="delete-replaced"),
    )

    result = estimate(document)

    assert [line.op for line in result.lines if line.key == "nat-gateway"] == [Op.SAME]


def test_old_inputs_that_are_sparse_are_completed_by_outputs() -> None:
    """Otherwise the baseline would be wrong."""
    old = state("aws:ec2/instance:Instance", outputs={"instanceType": "t3.large"})
    new = state("aws:ec2/instance:Instance", instanceType="t3.xlarge")

    line = next(each for each in estimate(preview(step(old, new))).lines if each.key == "instance")

    assert line.before is not None
    assert line.before.quantity.detail == "t3.large"
    assert line.op is Op.UPDATE


def test_a_price_in_a_region_that_is_not_known_is_unknown() -> None:
    """An explicit provider whose region cannot be read may be anywhere, so the config's prices are not its own."""
    provider = state("pulumi:providers:aws", "west", region=NOT_KNOWN)
    nat = {**state("aws:ec2/natGateway:NatGateway"), "provider": f"{provider['urn']}::{NOT_KNOWN}"}

    result = estimate(created(provider, nat))

    assert {line.state for line in result.lines} == {State.UNKNOWN}
    assert "in a region that is not known" in result.lines[0].reasons[0]


_OWN = OwnPrice(usd=Decimal(1), unit="GB-month", checked="2026-11-01", source="our own bill")


@pytest.mark.parametrize("sku", ["aws:vpc:nat-gateway", "aws:ec2-spot:g6.xlarge"])
def test_a_price_of_ones_own_in_a_wrong_unit_is_a_mistake_in_the_usage_file(sku: str) -> None:
    """Told as one, whether the catalogue has a rate of its own or not."""
    usage = Usage(prices={sku: {"global": _OWN}})
    spot = {"mixedInstancesPolicy": {"instancesDistribution": {"onDemandPercentageAboveBaseCapacity": 0}}}

    with pytest.raises(UsageError, match=f"prices.{sku} is per 'GB-month', but .* is billed per"):
        estimate(created(state(_NAT), *gpu_group(minSize=1, maxSize=1, **spot)), usage)


@pytest.mark.parametrize(
    ("usage", "sentence"),
    [
        (Usage(resources={"loggs": Profile()}), "'resources.loggs' is no resource of this stack; did you mean 'logs'"),
        (Usage(prices={"aws:vpc:nat": {}}), "'prices.aws:vpc:nat' is no price that anything is billed by"),
        (Usage(resources={"logs": Profile()}), None),
        (Usage(prices={"aws:vpc:nat-gateway": {}}), None),
        (Usage(prices={"aws:kms:key": {}}), None),
    ],
    ids=str,
)
def test_a_name_that_nothing_has_is_a_mistake_in_the_usage_file(usage: Usage, sentence: str | None) -> None:
    """It would be read and have no effect; a price that the catalogue has may be another stack's."""
    plan = read(created(state(_NAT), state("aws:cloudwatch/logGroup:LogGroup", "logs")))

    if sentence is None:
        refuse_strangers(usage, plan, estimate_of(plan, usage))
    else:
        with pytest.raises(UsageError, match=sentence):
            refuse_strangers(usage, plan, estimate_of(plan, usage))
