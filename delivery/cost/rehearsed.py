"""A preview without an account: the stack's real program on the real engine, against providers that call nothing."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any


def document(root: Path, stack: str) -> Mapping[str, Any]:
    """What the engine printed for a stack that does not exist yet, on top of its rehearsed foundation. Raises Failure."""
    from delivery.rehearsal.prepared import clouds_of, prepared
    from delivery.rehearsal.targets import foundation_of, packages_of
    from stacks.targets import named_in

    target, environment = named_in(stack)
    with prepared(root, stack, clouds_of(packages_of(target)), foundation_of(target, environment)) as rehearsed:
        return rehearsed.run("preview", "rehearsed preview").digest
