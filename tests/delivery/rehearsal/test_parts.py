"""The decisions of a rehearsal that need no engine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from delivery.failure import Failure
from delivery.rehearsal import cycle, targets
from delivery.rehearsal.bearing import Bearing
from delivery.rehearsal.running import Step, steps, told
from delivery.rehearsal.scratch import _with
from delivery.stack_file import encrypted_in
from providers.rehearsal.inspection import Input, Inspection

_URN = "urn:pulumi:dev::sample::aws:ec2/vpc:Vpc::vpc"


def _step(op: str, token: str = "aws:ec2/vpc:Vpc", changed: tuple[str, ...] = ()) -> Step:
    return Step(op=op, urn=f"urn:pulumi:dev::sample::{token}::x", changed=changed)


def test_the_parts_of_a_replacement_are_one_step() -> None:
    """The engine tells of it three times."""
    told_steps = [
        {"op": op, "urn": _URN, "newState": {"custom": True}}
        for op in ("create-replacement", "replace", "delete-replaced")
    ]

    assert steps([], {"steps": told_steps}) == [Step(op="replace", urn=_URN)]


def test_the_stack_its_providers_and_components_are_no_steps() -> None:
    """Nobody deploys them to a cloud."""
    kinds = {"pulumi:pulumi:Stack": False, "pulumi:providers:aws": True, "trimaran:aws:Edge": False}
    told_steps = [
        {"op": "create", "urn": f"urn:pulumi:dev::s::{kind}::x", "newState": {"custom": custom}}
        for kind, custom in kinds.items()
    ]

    assert steps([], {"steps": told_steps}) == []


@pytest.mark.parametrize(
    ("config", "after"),
    [
        ({"trimaran:scaling": {"max": 4}}, 3),
        ({"trimaran:scaling": {"max": 1}}, 2),
        ({}, 3),
        ({"trimaran:scaling": {"min": 2, "max": 2}}, 3),
    ],
)
def test_the_changed_value_stays_possible(config: dict[str, Any], after: int) -> None:
    """One fewer replica, or one more where one fewer is none or below the least."""
    assert cycle.changed(config, cycle.change_for("aws-ecs", ["aws"]))["trimaran:scaling"]["max"] == after


def test_a_change_may_update_the_listed_types_and_nothing_else() -> None:
    """No replacement, no deletion, no other type."""
    cycle.refuse_unexpected("x", [_step("update", "aws:autoscaling/group:Group")], ["aws:autoscaling/group:Group"])
    for step in (_step("replace", "aws:autoscaling/group:Group"), _step("update"), _step("delete")):
        with pytest.raises(Failure, match=f"'x' would {step.op}"):
            cycle.refuse_unexpected("x", [step], ["aws:autoscaling/group:Group"])


def test_a_targets_own_change_counts_before_the_default() -> None:
    """A foundation has no replicas."""
    assert cycle.change_for("aws-foundation", ["aws"])["key"] == "trimaran:tags"
    assert cycle.change_for("aws-ecs", ["aws"])["key"] == "trimaran:scaling"


def test_bearing_inputs_are_found_by_path_or_by_its_beginning() -> None:
    """List positions do not matter."""
    inputs = (
        Input(path=("mixedInstancesPolicy", "launchTemplate", "overrides", 0, "instanceType"), shown="a"),
        Input(path=("maxSizes",), shown="b"),
    )
    inspection = Inspection(
        urn=_URN, token="aws:autoscaling/group:Group", findings=(), by=(), unvalidated=inputs, unknown=()
    )

    assert Bearing.of(["aws"], []).among(inspection, inputs) == ["a"]
    assert Bearing.of(["aws"], [("aws:autoscaling/group:Group", "maxSizes")]).among(inspection, inputs) == ["a", "b"]


def test_secrets_of_the_config_are_replaced_wherever_they_stand() -> None:
    """Only their owner can decrypt them; the rehearsal sets stand-ins at the same places, in maps and in lists."""
    config = {"apiKeys": {"secure": "a"}, "aws:region": "r", "trimaran:x": {"keys": ["b", {"secure": "c"}]}}

    assert _with("?", config) == {"apiKeys": "?", "aws:region": "r", "trimaran:x": {"keys": ["b", "?"]}}
    assert list(encrypted_in(config["trimaran:x"], "trimaran:x")) == ["trimaran:x.keys[1]"]
    assert list(encrypted_in(config["apiKeys"], "trimaran:apiKeys")) == ["trimaran:apiKeys"]


def test_a_foundation_comes_before_a_stack_of_its_cloud() -> None:
    """In the same environment; a foundation has none below it."""
    assert targets.foundation_of("aws-ecs", "prod") == "aws-foundation-prod"
    assert targets.foundation_of("aws-foundation", "prod") is None


@pytest.mark.parametrize(
    ("config", "below"),
    [
        ({}, "aws-foundation-dev"),
        ({"trimaran:foundation": "organization/trimaran/aws-foundation-prod"}, "aws-foundation-prod"),
        ({"trimaran:network": {}, "trimaran:key": "k", "trimaran:bucket": "b"}, None),
    ],
)
def test_a_config_says_what_its_stack_stands_on(config: dict[str, Any], below: str | None) -> None:
    """A foundation by name, or ids of one's own, which need none."""
    assert targets.foundation_in(config, "aws-foundation-dev") == below


def test_a_target_of_no_cloud_is_refused() -> None:
    """By name, with those that can be rehearsed; one that is not on the list as everywhere."""
    with pytest.raises(Failure, match="target 'local' cannot be rehearsed") as refused:
        targets.packages_of("local")
    assert refused.value.hint.endswith("aws-foundation, aws-ecs, aws-bedrock")
    with pytest.raises(Failure, match=r"target 'aws-esc' is unknown\. .* Did you mean 'aws-ecs'"):
        targets.packages_of("aws-esc")


def test_the_engines_own_words_become_a_sentence(tmp_path: Path) -> None:
    """The last line of a traceback, behind the innermost line of the project."""
    text = (
        "Program failed with an unhandled exception:\nTraceback (most recent call last):\n"
        f'  File "{tmp_path}/stacks/a.py", line 7, in <module>\n    x()\n'
        '  File "/lib/site-packages/b.py", line 9, in x\n    raise\nKeyError: 1\n'
    )

    assert told([text], "log", tmp_path).sentence == "stacks/a.py:7: KeyError: 1"
    assert told(['unknown stack "a"\nmore'], "log", tmp_path).sentence == 'unknown stack "a"'
