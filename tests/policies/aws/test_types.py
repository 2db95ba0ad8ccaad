"""Every type that the programs on AWS can make is spoken of: priced or declared free, and decided for every rule."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from cost.families import is_known
from policies import RULES
from policies.coverage import gap
from providers.rehearsal.sdk import Sdk
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
