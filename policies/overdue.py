"""Exceptions that have outlived their last day, told as violations of the stack they are for."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase

from plan.inputs import Inputs
from policies.check import Scene


def in_date(_: Inputs, scene: Scene) -> Iterator[str]:
    """A sentence for each exception of this stack that has run out."""
    for each in scene.context.exceptions:
        if each.expires < scene.context.today and fnmatchcase(scene.context.stack, each.stack):
            yield (
                f"the exception from {each.rule} for '{each.resource}' ended on {each.expires:%Y-%m-%d} ({each.reason})."
            )
