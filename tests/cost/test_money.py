"""Money is exact: no binary fraction on any path to it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import catalog.prices
import cost
import plan

SOURCES = sorted(path for package in (cost, plan, catalog.prices) for path in Path(package.__path__[0]).rglob("*.py"))


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.name)
def test_no_float_is_on_the_way_to_money(source: Path) -> None:
    """Neither a literal, nor a conversion, nor an annotation."""
    tree = ast.parse(source.read_text(encoding="utf-8"))

    floats = [
        node.lineno
        for node in ast.walk(tree)
        if (isinstance(node, ast.Constant) and isinstance(node.value, float))
        or (isinstance(node, ast.Name) and node.id == "float")
    ]

    assert not floats
