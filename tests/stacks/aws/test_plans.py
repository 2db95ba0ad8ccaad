"""The plan of every example, whole: what a review reads when a program changes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.stacks.aws.rehearsals import ROOT, SHAPES, Deployed, Rehearsals

PLANS = ROOT / "tests/golden/plans"
# JSON that a person reads by its parts.
_DOCUMENTS = ("containerDefinitions", "policy", "assumeRolePolicy", "[AOT_CONFIG_CONTENT]")


@pytest.mark.parametrize("shape", sorted(SHAPES))
def test_the_plan_is_the_golden_one(shape: str, rehearsals: Rehearsals, request: pytest.FixtureRequest) -> None:
    """Every resource with every input; `pytest tests/stacks/aws/test_plans.py --update` rewrites them."""
    golden = PLANS / f"{shape}.txt"
    plan = "\n".join(_lines(rehearsals[shape])) + "\n"

    if request.config.getoption("--update", default=False):
        golden.parent.mkdir(parents=True, exist_ok=True)
        golden.write_text(plan, encoding="utf-8")

    assert plan == golden.read_text(encoding="utf-8")


def _lines(deployed: Deployed) -> Iterator[str]:
    """One block for each resource: its type and name, then its inputs and options."""
    for each in deployed.resources:
        yield f"{each.type} {each.name}"
        yield from sorted(f"  {key}={value}" for key, value in _flat(dict(each.inputs)))
        yield from sorted(f"  ! {key}={value}" for key, value in _flat(dict(each.options)) if key)


def _flat(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, str) and path.endswith(_DOCUMENTS):
        value = json.loads(value)
    if isinstance(value, dict) and "4dabf18193072939515e22adb298388d" in value:
        yield path, "[secret]"
    elif isinstance(value, dict) and value:
        for key, item in value.items():
            if key != "__defaults":
                yield from _flat(item, f"{path}.{key}" if path else key)
    elif isinstance(value, list) and value and all(isinstance(each, dict) and "name" in each for each in value):
        for each in value:
            rest = {key: item for key, item in each.items() if key != "name"}
            inner = rest["value"] if set(rest) == {"value"} else rest
            yield from _flat(inner, f"{path}[{each['name']}]")
    elif isinstance(value, list) and value:
        for index, item in enumerate(value):
            yield from _flat(item, f"{path}[{index}]")
    elif isinstance(value, str):
        yield path, value if value and value.isprintable() else json.dumps(value, ensure_ascii=False)
    else:
        yield path, json.dumps(value)
