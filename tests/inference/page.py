"""The example of docs/adding-an-adapter.md, taken from the page as it stands: a contributor's files are the page's own blocks."""

from __future__ import annotations

import functools
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import cast

from app.inference.adapter import Adapter
from tests.inference.fakes.vendor import Vendor

PAGE = Path(__file__).parents[2] / "docs" / "adding-an-adapter.md"
_FILE = re.compile(r"`([\w/]+)\.py`[^`]*:\n\n```python\n(.*?)```", re.DOTALL)
_ROW = re.compile(r'"acme": acme\.ADAPTER,')


def files() -> dict[str, str]:
    """The page's Python files, by module."""
    return {path.replace("/", "."): text for path, text in _FILE.findall(PAGE.read_text())}


@functools.cache
def _module(name: str) -> ModuleType:
    module = ModuleType(name)
    sys.modules[name] = module  # where dataclasses look names up
    exec(compile(files()[name], f"{PAGE}:{name}", "exec", dont_inherit=True), vars(module))
    return module


def adapters() -> dict[str, Adapter]:
    """The row as the page has it."""
    row = _ROW.search(PAGE.read_text())
    assert row is not None, f"{PAGE} has no row {_ROW.pattern}"
    return cast("dict[str, Adapter]", eval(f"{{{row[0]}}}", {"acme": _module("app.inference.acme")}))


def fake() -> Vendor:
    """The vendor's fake as the page has it."""
    return cast("Vendor", _module("tests.inference.fakes.acme").Acme())
