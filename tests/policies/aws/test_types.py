"""Every type that the programs on AWS can make is spoken of: priced or declared free, and decided for every rule."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from cost.aws.families import BILLED
from cost.families import is_known
from policies import RULES
from policies.aws import identity, machines, spending, tables
from policies.coverage import gap
from providers.rehearsal.sdk import Sdk
from providers.rehearsal.shapes import Shape
from tests.policies.plans import planned

ROOT = Path(__file__).resolve().parents[3]


def made() -> list[str]:
    """The types whose classes the programs call, whatever a config has to say for it."""
    calls = [
        node.func
        for path in (ROOT / "stacks/aws").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
    ]
    names = [ast.unparse(each).split(".") for each in calls]
    classes = {tuple(each[1:]) for each in names if each[0] == "aws" and len(each) == 3 and each[2][0].isupper()}
    sdk = Sdk("pulumi_aws")
    tokens = {f"aws:{module.rstrip('_')}/{name[0].lower()}{name[1:]}:{name}" for module, name in classes}
    return sorted(each for each in tokens if each in sdk)


TYPES = made()


def test_the_programs_make_what_their_plans_show() -> None:
    """So that the list below is that of the programs."""
    assert len(TYPES) > 50
    assert {"aws:ecs/service:Service", "aws:iam/openIdConnectProvider:OpenIdConnectProvider"} <= set(TYPES)


@pytest.mark.parametrize("type_", TYPES)
def test_a_type_that_a_program_makes_is_spoken_of(type_: str) -> None:
    """Also one that only some config brings along."""
    gaps = [rule.id for rule in RULES if gap(rule, planned(type_, "one"))]

    assert is_known(type_), f"price {type_} in cost/aws/, or declare it free in cost/aws/free.py with its source"
    assert not gaps, f"check {type_} in policies/aws/, or say in policies/aws/harmless.py why it cannot break {gaps}"


SDK = Sdk("pulumi_aws")
# Inputs called `policy` that grant nothing: they narrow what others grant, or say which images go.
NO_GRANTS = {
    "aws:ec2/vpcEndpoint:VpcEndpoint",
    "aws:ec2/vpcEndpointPolicy:VpcEndpointPolicy",
    "aws:ecr/lifecyclePolicy:LifecyclePolicy",
}


def spoken_of() -> list[str]:
    """Every type that the tables check or declare harmless."""
    checked = {type_ for table in tables.CHECKS for checks in table.values() for type_ in checks}
    return sorted(checked | {type_ for each in tables.HARMLESS for type_ in each.types})


@pytest.mark.parametrize("type_", sorted(BILLED))
def test_what_is_billed_and_can_carry_tags_is_asked_for_them(type_: str) -> None:
    """No line that declares a type harmless takes it out of the bill."""
    assert "tags" not in SDK.resource_type(type_).inputs.members or type_ in spending.CHECKS["required-tags"]


@pytest.mark.parametrize("type_", spoken_of())
def test_what_has_a_policy_that_grants_is_asked_whom(type_: str) -> None:
    """Or what: a role's own policies have no principal."""
    asked = {*identity.CHECKS["no-wildcard-iam"], *identity.CHECKS["bound-trust"], *NO_GRANTS}

    assert "policy" not in SDK.resource_type(type_).inputs.members or type_ in asked


@pytest.mark.parametrize("type_", spoken_of())
def test_what_makes_a_disk_is_asked_whether_it_is_encrypted(type_: str) -> None:
    """Wherever in its inputs the disk is."""
    assert not _has(SDK.resource_type(type_).inputs, "encrypted") or type_ in machines.CHECKS["encrypted-disks"]


def _has(shape: Shape, name: str) -> bool:
    """Whether inputs have one of this name, at any depth."""
    inner = (member.shape() for member in shape.members.values())
    return name in shape.members or any(_has(each.element() if each.element else each, name) for each in inner)
