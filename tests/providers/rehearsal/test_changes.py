"""What a change takes: an update, a new resource, or nobody knows."""

from __future__ import annotations

from typing import Any

import pytest

from plan.tokens import UNKNOWN
from providers.rehearsal import changes
from providers.rehearsal.values import secret
from tests.providers.rehearsal.good import INPUTS, aws


@pytest.mark.parametrize(
    ("token", "change", "replacing"),
    [
        ("aws:ecs/taskDefinition:TaskDefinition", {"cpu": "1024"}, True),
        ("aws:ecs/taskDefinition:TaskDefinition", {"containerDefinitions": "[]"}, True),
        ("aws:ecs/taskDefinition:TaskDefinition", {"tags": {"a": "b"}}, False),
        ("aws:ecs/service:Service", {"desiredCount": 2}, False),
        ("aws:ecs/service:Service", {"cluster": "other"}, True),
        ("aws:lb/targetGroup:TargetGroup", {"port": 9000}, True),
        ("aws:lb/targetGroup:TargetGroup", {"deregistrationDelay": 30}, False),
        ("aws:ec2/vpc:Vpc", {"cidrBlock": "10.1.0.0/16"}, True),
        ("aws:ec2/launchTemplate:LaunchTemplate", {"instanceType": "g5.xlarge"}, False),
        ("aws:iam/role:Role", {"name": "other"}, True),
    ],
)
def test_replace_or_update(token: str, change: dict[str, Any], replacing: bool) -> None:
    """By CloudFormation's create-only properties and the catalog's corrections."""
    difference = changes.between(aws(), token, INPUTS[token], {**INPUTS[token], **change})

    assert difference.changed == tuple(change)
    assert bool(difference.replacing) is replacing
    assert difference.undecided == ()


def test_a_type_that_nobody_describes_is_undecided() -> None:
    """The report says `update or replace: unknown` instead of guessing."""
    difference = changes.between(
        aws(), "aws:ec2/mainRouteTableAssociation:MainRouteTableAssociation", {"a": 1}, {"a": 2}
    )

    assert (difference.replacing, difference.undecided) == ((), ("a",))


def test_the_same_inputs_are_no_change_even_when_wrapped_as_a_secret() -> None:
    """A secret's wrapper and a number's spelling are no difference."""
    assert (
        changes.between(aws(), "aws:ec2/vpc:Vpc", {"a": 1, "b": "x"}, {"a": 1.0, "b": secret("x")})
        == changes.Difference()
    )


def test_what_is_not_known_yet_may_have_changed() -> None:
    """As the engine sees it."""
    assert changes.between(aws(), "aws:ec2/vpc:Vpc", {"tags": {}}, {"tags": UNKNOWN}).changed == ("tags",)


def test_a_name_that_the_program_chose_must_be_free_first() -> None:
    """Then the old resource goes before the new one comes; an invented name needs no such thing."""
    assert changes.keeps_name(("name", "blue-1a2b3c4"), {"name": "blue"}, {"name": "blue"})
    assert not changes.keeps_name(("name", "blue-1a2b3c4"), {"name": "blue-1a2b3c4"}, {"name": "blue-1a2b3c4"})
    assert not changes.keeps_name(("name", "blue-1a2b3c4"), {"name": "blue"}, {"name": "green"})
