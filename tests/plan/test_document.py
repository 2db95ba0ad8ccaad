"""A preview is read as the engine writes it: both sides, links, regions, components, secrets and unknown values."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cost.amounts import State
from cost.estimate import estimate
from cost.preview import NotAPreview, Op, Preview, parse, read
from tests.cost.made import NOT_KNOWN, STACK, created, preview, state, step, urn

PREVIEWS = Path(__file__).parents[1] / "cost/previews"
SERVICE = "aws:ecs/service:Service"
TASK = "aws:ecs/taskDefinition:TaskDefinition"
NAT = "aws:ec2/natGateway:NatGateway"


@pytest.fixture(scope="module")
def changed() -> Preview:
    """What a real engine printed for a change of a real program."""
    return parse((PREVIEWS / "changed.json").read_text())


def test_both_sides_are_read(changed: Preview) -> None:
    """What goes is only before, what stays is on both sides."""
    log_group = next(urn for urn in changed.before.resources if "logGroup" in urn)

    assert changed.stack == "aws-ecs-dev"
    assert log_group not in changed.after.resources


def test_components_providers_and_the_stack_are_not_billed(changed: Preview) -> None:
    """Only real resources are."""
    assert all(each.type.startswith("aws:") for each in changed.after.resources.values())


def test_a_link_is_followed_though_its_value_is_not_known() -> None:
    """On the first preview a service's task definition has no id yet."""
    new = parse((PREVIEWS / "created.json").read_text()).after
    service = next(each for each in new.resources.values() if each.type == SERVICE)

    task = new.linked(service, "taskDefinition", TASK)

    assert service.inputs.values["taskDefinition"] == NOT_KNOWN
    assert task is not None
    assert task.name == "api"


def test_remarks_in_front_of_the_document_are_skipped() -> None:
    """The engine may warn on the same stream."""
    assert parse("warning: something\n" + json.dumps(created(state(NAT)))).after.resources


@pytest.mark.parametrize("text", ["", "no preview", "{", "[]", "{}", '{"steps": 3}', '{"steps": [{"op": "create"}]}'])
def test_anything_else_is_refused(text: str) -> None:
    """With a reason, not a traceback."""
    with pytest.raises(NotAPreview):
        parse(text)


def test_the_region_is_the_resources_then_the_providers_then_the_configs() -> None:
    """The nearest one that is known counts."""
    provider = "pulumi:providers:aws"
    of_provider = state(provider, "west", region="us-west-2")
    own = state(NAT, "own", region="eu-west-1")
    plain = state(NAT, "plain")
    elsewhere = {**state(NAT, "elsewhere"), "provider": f"{urn(provider, 'west')}::{NOT_KNOWN}"}

    read_ = read(created(of_provider, own, plain, elsewhere)).after.resources

    assert {each.name: each.region for each in read_.values()} == {
        "own": "eu-west-1",
        "plain": "us-east-1",
        "elsewhere": "us-west-2",
    }


def test_the_component_is_the_outermost_one() -> None:
    """Nested parts are billed with the part a person knows."""
    outer = state("trimaran:aws:Engine", "engine", custom=False)
    inner = state("trimaran:aws:Group", "group", custom=False, parent=outer["urn"])
    leaf = state(NAT, "leaf", parent=inner["urn"])
    stack = {**state("pulumi:pulumi:Stack", custom=False), "urn": STACK}

    assert read(created(stack, outer, inner, leaf)).components[leaf["urn"]] == "engine"


def test_what_is_only_looked_at_is_not_billed() -> None:
    """A resource that the stack reads belongs to somebody else."""
    document = preview(step(None, state(NAT), op="read"), step(None, {**state(NAT, "two"), "external": True}))

    assert not read(document).after.resources


def test_a_step_that_the_engine_could_not_write_down_is_unknown() -> None:
    """The engine silently leaves the new state out; that is not a deletion."""
    broken = {"op": "update", "urn": urn(NAT, "one"), "oldState": state(NAT)}

    result = estimate(preview(broken))

    assert [line.state for line in result.lines if line.after] == [State.UNKNOWN]
    assert result.total("after").at_least


def test_a_replacement_that_is_shown_in_parts_is_one_change() -> None:
    """With --show-replacement-steps a resource has three steps."""
    old, new = state(NAT, connectivityType="public"), state(NAT, connectivityType="private")
    document = preview(
        step(None, new, op="create-replacement"),
        step(old, new, op="replace"),
        step(old, None, op="delete-replaced"),
    )

    result = estimate(document)

    assert [line.op for line in result.lines if line.item == "NAT gateway"] == [Op.SAME]


def test_old_inputs_that_are_sparse_are_completed_by_outputs() -> None:
    """Otherwise the baseline would be wrong."""
    old = state("aws:ec2/instance:Instance", outputs={"instanceType": "t3.large"})
    new = state("aws:ec2/instance:Instance", instanceType="t3.xlarge")

    line = next(each for each in estimate(preview(step(old, new))).lines if each.item == "instance")

    assert line.before is not None
    assert line.before.quantity.detail == "t3.large"
    assert line.op is Op.UPDATE
