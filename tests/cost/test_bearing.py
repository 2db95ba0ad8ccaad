"""The declared list of price-bearing inputs is true: it is all that is read, and the SDK knows every one of it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from cost.families import BILLED, bearing
from cost.usage import Usage
from plan.resource import Resource
from plan.scope import Scope
from providers.rehearsal.sdk import Sdk
from tests.cost.made import lines
from tests.plan.made import state

_READERS = ("text", "flag", "has", "each", "texts")
_MEASURES = ("amount_of", "count_of")
READS = bearing()
ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("type_", sorted(BILLED))
def test_a_resource_without_any_input_is_still_billed_honestly(type_: str) -> None:
    """Nothing raises; what cannot be told is unknown or open."""
    lines(state(type_))


def test_reading_an_input_that_is_not_declared_fails() -> None:
    """So that the list is all that is read."""
    key = Resource(urn="urn:pulumi:a::b::aws:kms/key:Key::one", type="aws:kms/key:Key", inputs={})
    scope = Scope(resources={key.urn: key}, reader="the price of a key", reads=BILLED[key.type].reads)

    with pytest.raises(LookupError, match="the price of a key reads 'rotationPeriodInDays' of aws:kms/key:Key, which"):
        scope.sees(key).number("rotationPeriodInDays")


def test_asking_for_a_usage_key_that_is_not_declared_fails() -> None:
    """So that whoever reads the table knows what closes a gap."""
    with pytest.raises(LookupError, match="the usage key 'log_gb' is asked for"):
        Usage().asked_for(("nat_gb",)).amount("log_gb")
    with pytest.raises(LookupError, match="the usage key 'gpu_seconds' is asked for"):
        Usage().amount("gpu_seconds")


def test_every_path_in_the_code_is_declared() -> None:
    """Also in branches that no test takes: the paths are literals, or made of declared ones."""
    declared = {part for paths in READS.values() for path in paths for part in (path, path.rpartition("[].")[2])}
    tails = {path.rpartition(".")[2] for path in declared} | declared

    assert not {path for path in _literal_paths() if path not in declared and path.lstrip(".") not in tails}


@pytest.mark.parametrize(("type_", "path"), [(type_, path) for type_, paths in READS.items() for path in paths])
def test_the_sdk_knows_every_declared_input(type_: str, path: str) -> None:
    """A misspelt input would silently be the default."""
    shape = _sdk(type_.partition(":")[0]).resource_type(type_).inputs
    for step in path.split("."):
        assert step.removesuffix("[]") in shape.members, f"{type_}: {path}"
        shape = shape.members[step.removesuffix("[]")].shape()
        shape = shape.element() if shape.element and step.endswith("[]") else shape


@cache
def _sdk(package: str) -> Sdk:
    return Sdk(f"pulumi_{package.replace('-', '_')}")


def _literal_paths() -> Iterator[str]:
    for source in (ROOT / "cost").glob("*/*.py"):
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and (path := _path_read(node)):
                yield path


def _path_read(call: ast.Call) -> str:
    """The literal path that a call reads; empty where it reads none."""
    if isinstance(call.func, ast.Attribute) and call.func.attr in _READERS:
        path = call.args[0]
    elif isinstance(call.func, ast.Name) and call.func.id in _MEASURES:
        path = call.args[1]
    else:
        return ""
    return str(path.value) if isinstance(path, ast.Constant) else ""
