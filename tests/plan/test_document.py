"""A preview is read as the engine writes it: both sides, links, regions, components, secrets and unknown values."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from plan.document import NotAPreview, Preview, parse, read
from plan.inputs import NotKnown
from plan.scope import Scope
from plan.tokens import UNKNOWN
from tests.plan.made import NOT_KNOWN, STACK, created, preview, state, step, urn

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
    log_group = next(urn for urn in changed.before if "logGroup" in urn)

    assert changed.stack == "aws-ecs-dev"
    assert log_group not in changed.after


def test_components_and_the_stack_are_told_from_what_a_provider_makes(changed: Preview) -> None:
    """And providers are none of the stack's resources."""
    kinds = {each.type.partition(":")[0]: each.custom for each in changed.after.values()}

    assert kinds == {"aws": True, "pulumi": False, "trimaran": False}


def test_a_link_is_followed_though_its_value_is_not_known() -> None:
    """On the first preview a service's task definition has no id yet."""
    new = parse((PREVIEWS / "created.json").read_text()).after
    scope = Scope(resources=new, reader="a test", reads={})
    (service,) = scope.of(SERVICE)

    assert new[service.resource.urn].inputs["taskDefinition"] == UNKNOWN
    assert [each.name for each in scope.linked(service, "taskDefinition", TASK)] == ["api"]


def test_remarks_in_front_of_the_document_are_skipped() -> None:
    """The engine may warn on the same stream."""
    assert parse("warning: something\n" + json.dumps(created(state(NAT)))).after


@pytest.mark.parametrize("text", ["", "no preview", "{", "[]", "{}", '{"steps": 3}', '{"steps": [{"op": "create"}]}'])
def test_anything_else_is_refused(text: str) -> None:
    """With a reason, not a traceback."""
    with pytest.raises(NotAPreview):
        parse(text)


def _broken(**changes: Any) -> dict[str, Any]:
    return preview(step(None, {**state(NAT), **changes}))


@pytest.mark.parametrize(
    "document",
    [
        _broken(type=None),
        _broken(type=5),
        _broken(inputs=["a"]),
        _broken(outputs="a"),
        _broken(propertyDependencies=["a"]),
        _broken(propertyDependencies={"a": "b"}),
        _broken(provider=5),
        _broken(parent=["a"]),
        {**created(state(NAT)), "config": ["a"]},
        {"steps": [{"op": "create", "urn": 5, "newState": state(NAT)}]},
        {"steps": [{"op": "create", "urn": "short", "newState": state(NAT)}]},
        {"steps": [{"op": "update", "urn": "urn:pulumi:a::b"}]},
        {"steps": [{"op": "create", "urn": urn(NAT, "one"), "newState": ["a"]}]},
        {"steps": [{"op": "delete", "urn": urn(NAT, "one"), "oldState": {}}]},
    ],
    ids=str,
)
def test_a_plan_of_another_shape_is_refused(document: dict[str, Any]) -> None:
    """Whatever part of it is not what the engine prints, with a sentence."""
    with pytest.raises(NotAPreview):
        parse(json.dumps(document))


@pytest.mark.parametrize("depth", [700, 100_000])
def test_a_plan_that_is_nested_without_end_is_refused(depth: int) -> None:
    """As a text, and as a value that no reader could walk through."""
    deep = "[" * depth + "]" * depth
    text = json.dumps(_broken(inputs={"a": "deep"})).replace('"deep"', deep)

    with pytest.raises(NotAPreview, match="nested deeper"):
        parse(text)


def test_a_side_that_is_null_is_not_there() -> None:
    """Whoever prints the absent side as null means the same."""
    document = preview(
        {**step(state(NAT), None), "newState": None}, {**step(None, state(NAT, "two")), "oldState": None}
    )

    assert [each.name for each in read(document).after.values()] == ["two"]


def test_parents_in_a_circle_end() -> None:
    """No engine prints them, and nobody waits for ever on one that does."""
    one, two = state(NAT, "a", parent=urn(NAT, "b")), state(NAT, "b", parent=urn(NAT, "a"))

    assert read(created(one, two)).components[one["urn"]] == "b"


_OLD, _NEW = state(NAT, connectivityType="public"), state(NAT, connectivityType="private")
_REPLACEMENT = {
    "delete-replaced": {"op": "delete-replaced", "urn": _OLD["urn"], "oldState": _OLD},
    "replace": {"op": "replace", "urn": _OLD["urn"], "oldState": _OLD, "newState": _NEW},
    "create-replacement": {"op": "create-replacement", "urn": _OLD["urn"], "oldState": _OLD, "newState": _NEW},
}


@pytest.mark.parametrize(
    "order",
    [
        ("delete-replaced", "replace", "create-replacement"),
        ("create-replacement", "replace", "delete-replaced"),
        ("delete-replaced", "create-replacement"),
        ("replace",),
    ],
    ids=" ".join,
)
def test_a_replacement_is_what_it_will_be_in_whatever_steps_it_is_told(order: tuple[str, ...]) -> None:
    """With `--show-replacement-steps` the old one may go before the new one comes."""
    found = read(preview(*(_REPLACEMENT[each] for each in order)))

    (before,), (after,) = found.before.values(), found.after.values()
    assert (before.inputs, after.inputs, after.readable) == (_OLD["inputs"], _NEW["inputs"], True)


def test_what_is_only_deleted_to_be_replaced_is_gone() -> None:
    """Where no step has the new one; but a step of it without its state leaves it unreadable."""
    deleted = _REPLACEMENT["delete-replaced"]
    unwritten = {key: value for key, value in _REPLACEMENT["create-replacement"].items() if key != "newState"}

    assert not read(preview(deleted)).after
    assert [each.readable for each in read(preview(deleted, unwritten)).after.values()] == [False]


def test_the_region_is_the_resources_then_the_providers_then_the_configs() -> None:
    """The nearest one that is known counts."""
    provider = "pulumi:providers:aws"
    of_provider = state(provider, "west", region="us-west-2")
    own = state(NAT, "own", region="eu-west-1")
    plain = state(NAT, "plain")
    elsewhere = {**state(NAT, "elsewhere"), "provider": f"{urn(provider, 'west')}::{NOT_KNOWN}"}

    read_ = read(created(of_provider, own, plain, elsewhere)).after

    assert {each.name: each.region for each in read_.values()} == {
        "own": "eu-west-1",
        "plain": "us-east-1",
        "elsewhere": "us-west-2",
    }


@pytest.mark.parametrize("said", [{"region": NOT_KNOWN}, {"region": "[secret]"}, {"region": ["x"]}, {}], ids=str)
def test_a_region_that_cannot_be_read_is_not_the_configs(said: dict[str, Any]) -> None:
    """An explicit provider never reads the config; the engine's own is made from it."""
    provider = "pulumi:providers:aws"
    explicit, default = state(provider, "west", **said), state(provider, "default_7_12_0", region="us-east-1")
    one, two = (
        {**state(NAT, name), "provider": f"{each['urn']}::{NOT_KNOWN}"}
        for name, each in (("explicit", explicit), ("default", default))
    )
    unread = {**state(NAT, "unread"), "provider": f"{urn(provider, 'nowhere')}::{NOT_KNOWN}"}
    implicit = {**state(NAT, "implicit"), "provider": f"{urn(provider, 'default')}::{NOT_KNOWN}"}
    own = state(NAT, "own", **said)

    found = read(created(explicit, default, one, two, unread, implicit, own)).after

    assert {each.name: each.region for each in found.values()} == {
        "explicit": "",
        "default": "us-east-1",
        "unread": "",
        "implicit": "us-east-1",
        "own": "" if said else "us-east-1",
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

    assert not read(document).after


def test_a_step_that_the_engine_could_not_write_down_is_not_readable() -> None:
    """The engine silently leaves the new state out; whoever reads an input of it hears so."""
    broken = {"op": "update", "urn": urn(NAT, "one"), "oldState": state(NAT, connectivityType="public")}

    (one,) = read(preview(broken)).after.values()

    assert (one.type, one.readable) == (NAT, False)
    scope = Scope(resources={one.urn: one}, reader="a test", reads={NAT: ("connectivityType",)})
    with pytest.raises(NotKnown, match="the engine could not write down what it will be"):
        scope.sees(one).text("connectivityType")


def test_a_type_says_where_it_is_in_its_own_clouds_words() -> None:
    """A location, a zone of a region, or the config key of its package; nothing where the cloud has no regions."""
    run, disk = "gcp:cloudrunv2/service:Service", "gcp:compute/disk:Disk"
    app, pod = "azure-native:app:ContainerApp", "kubernetes:core/v1:Pod"
    document = created(
        state(run, "run", location="asia-east1"),
        state(disk, "disk", zone="asia-east1-b"),
        state(run, "silent"),
        state("gcp:container/cluster:Cluster", "zonal", location="asia-east1-b"),
        state("gcp:storage/bucket:Bucket", "wide", location="EU"),
        state(app, "app"),
        state(pod, "pod", region="nowhere"),
        **{"gcp:region": "europe-west4", "azure-native:location": "eastus"},
    )

    assert {each.name: each.region for each in read(document).after.values()} == {
        "run": "asia-east1",
        "disk": "asia-east1",
        "silent": "europe-west4",
        "zonal": "asia-east1",
        "wide": "EU",
        "app": "eastus",
        "pod": "",
    }


@pytest.mark.parametrize(
    ("said", "known"),
    [
        (NOT_KNOWN, None),
        ("[secret]", None),
        ({"tags": NOT_KNOWN}, None),
        ({"tags": ["a"]}, None),
        ("no json", None),
        ({}, {}),
        ('{"tags":{}}', {}),
        ({"tags": {"owner": NOT_KNOWN}}, {"owner": NOT_KNOWN}),
    ],
    ids=str,
)
def test_tags_that_a_provider_hides_are_not_none(said: Any, known: dict[str, str] | None) -> None:
    """What cannot be read is not the same as nothing; a tag without its value is there."""
    provider = state("pulumi:providers:aws", "ours", defaultTags=said)
    key = {**state("aws:kms/key:Key"), "provider": f"{provider['urn']}::{NOT_KNOWN}"}

    (one,) = read(created(provider, key)).after.values()

    assert one.default_tags == known


def test_what_a_provider_adds_is_known_with_its_secrets_opened() -> None:
    """Its tags travel as a text of JSON, a secret in a wrapper."""
    provider = state("pulumi:providers:aws", "ours", defaultTags='{"tags":{"owner":"me"}}')
    wrapped = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "value": "x"}
    key = {**state("aws:kms/key:Key", description=wrapped), "provider": f"{provider['urn']}::{NOT_KNOWN}"}

    (one,) = read(created(provider, key)).after.values()

    assert (one.default_tags, one.inputs) == ({"owner": "me"}, {"description": "x"})
