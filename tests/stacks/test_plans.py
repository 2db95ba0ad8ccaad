"""The plan of every shape, whole or as what differs from another: what a review reads when a program changes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.goldens import FOLDER, Golden
from tests.stacks.differences import difference, expanded
from tests.stacks.rehearsals import Deployed, Rehearsals
from tests.stacks.shapes import BASES, DOCUMENTS, SHAPES

PLANS = FOLDER / "plans"


@pytest.mark.parametrize("shape", [each for each in SHAPES if each not in BASES])
def test_the_plan_is_the_golden_one(shape: str, rehearsals: Rehearsals, golden: Golden) -> None:
    """Every resource with every input."""
    golden(PLANS / f"{shape}.txt", plan_of(rehearsals[shape], DOCUMENTS[shape]))


@pytest.mark.parametrize("shape", BASES)
def test_the_plan_differs_from_its_base_as_told(shape: str, rehearsals: Rehearsals, golden: Golden) -> None:
    """What is told, expanded, is what the engine has planned, byte for byte."""
    base, told = PLANS / f"{BASES[shape]}.txt", PLANS / f"{shape}.txt"
    plan = plan_of(rehearsals[shape], DOCUMENTS[shape])

    golden(told, difference(BASES[shape], base.read_text(encoding="utf-8"), plan))

    assert expanded(base.read_text(encoding="utf-8"), told.read_text(encoding="utf-8")) == plan


def test_every_plan_has_its_shape() -> None:
    """No file is left over, and none is missing."""
    files = {each.stem for each in PLANS.iterdir()}

    assert not files - set(SHAPES), f"no tests/stacks/<cloud>/rehearsals.py has the shape of {files - set(SHAPES)}"
    assert not set(SHAPES) - files, f"./trimaran goldens writes the plan of {set(SHAPES) - files}"


def plan_of(deployed: Deployed, documents: tuple[str, ...]) -> str:
    """The plan as a file has it; inputs that end with one of `documents` are JSON."""
    return "".join(f"{line}\n" for line in _lines(deployed, documents))


def _lines(deployed: Deployed, documents: tuple[str, ...]) -> Iterator[str]:
    """One block for each resource: its type and name, then its inputs and options."""
    for each in deployed.resources:
        yield f"{each.type} {each.name}"
        yield from sorted(f"  {key}={value}" for key, value in _flat(dict(each.inputs), documents))
        yield from sorted(f"  ! {key}={value}" for key, value in _flat(dict(each.options), documents) if key)


def _flat(value: Any, documents: tuple[str, ...], path: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, str) and path.endswith(documents):
        value = json.loads(value)
    if isinstance(value, dict) and "4dabf18193072939515e22adb298388d" in value:
        yield path, "[secret]"
    elif isinstance(value, dict) and value:
        for key, item in value.items():
            if key != "__defaults":
                yield from _flat(item, documents, f"{path}.{key}" if path else key)
    elif isinstance(value, list) and value and all(isinstance(each, dict) and "name" in each for each in value):
        for each in value:
            rest = {key: item for key, item in each.items() if key != "name"}
            inner = rest["value"] if set(rest) == {"value"} else rest
            yield from _flat(inner, documents, f"{path}[{each['name']}]")
    elif isinstance(value, list) and value:
        for index, item in enumerate(value):
            yield from _flat(item, documents, f"{path}[{index}]")
    elif isinstance(value, str):
        yield path, value if value and value.isprintable() else json.dumps(value, ensure_ascii=False)
    else:
        yield path, json.dumps(value)
