"""Every shape of every cloud, from the `rehearsals.py` of its folder: for all tests that speak of stacks, whichever cloud they are on."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import tests.stacks

# The stack whose config a shape starts from, the foundation it reads, what its config has instead (None takes a key out).
Shape = tuple[str, str | None, Mapping[str, Any]]


def _of_clouds() -> Iterator[ModuleType]:
    for folder in tests.stacks.__path__:
        for path in sorted(Path(folder).glob("*/rehearsals.py")):
            yield importlib.import_module(f"tests.stacks.{path.parent.name}.rehearsals")


_CLOUDS = tuple(_of_clouds())
SHAPES: Mapping[str, Shape] = {name: shape for cloud in _CLOUDS for name, shape in cloud.SHAPES.items()}
# Shape -> the one whose plan its golden is told from, where they have most in common.
BASES: Mapping[str, str] = {name: base for cloud in _CLOUDS for name, base in getattr(cloud, "BASES", {}).items()}
# Shape -> the ends of the inputs that are JSON, which a person reads by its parts.
DOCUMENTS: Mapping[str, tuple[str, ...]] = {
    name: tuple(getattr(cloud, "DOCUMENTS", ())) for cloud in _CLOUDS for name in cloud.SHAPES
}
# Those that are stacks as their config says.
EXAMPLES = [name for name, (stack, _, _) in SHAPES.items() if name == stack]
