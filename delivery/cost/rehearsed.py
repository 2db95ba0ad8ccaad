"""A preview without an account: the stack's real program on the real engine, against providers that call nothing."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any


def document(root: Path, stack: str) -> Mapping[str, Any]:
    """What the engine printed for a stack that does not exist yet, on top of its rehearsed foundation. Raises Failure."""
    from delivery.rehearsal.prepared import prepared
    from delivery.rehearsal.targets import foundation_of, packages_of
    from providers.rehearsal.clouds import cloud_of
    from stacks.targets import named_in

    target, environment = named_in(stack)
    clouds = [cloud_of(each) for each in packages_of(target)]
    with prepared(root, stack, clouds, foundation_of(target, environment)) as rehearsed:
        return rehearsed.run("preview", "rehearsed preview").digest
