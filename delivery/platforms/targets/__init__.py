"""The platform of each target: one file beside this one, named as the target with underscores, with its `PLATFORM`.

Only a name on the list of targets is a file's. Any other is a cloud's that the kit does not know: its state is where the user is
logged in, and nothing but the engine reaches it.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Sequence
from typing import cast

from delivery.failure import Failure
from delivery.platforms.cloud import CloudPlatform
from delivery.platforms.platform import Platform
from stacks.targets import TARGETS


def platform_of(target: str) -> Platform:
    """How a target, or what a stack's name has in its place, is reached. Raises Failure for a target without its file."""
    if target not in TARGETS:
        return CloudPlatform(target=target)
    name = f"{__name__}.{target.replace('-', '_')}"
    if importlib.util.find_spec(name) is None:
        raise Failure(
            f"target '{target}' is on the list, but nothing says how it is reached.",
            f"write {name.replace('.', '/')}.py with its PLATFORM; docs/adding-a-target.md shows one",
        )
    return cast("Platform", importlib.import_module(name).PLATFORM)


def promotable() -> Sequence[str]:
    """The targets whose versions can be promoted."""
    return [target for target in TARGETS if platform_of(target).blue_green is not None]


def listed(targets: Sequence[str]) -> str:
    """Targets as a sentence names them."""
    return " and ".join(f"'{target}'" for target in targets)


def stack_name(text: str) -> str:
    """The stack a person means: a bare target is its dev stack, unless it runs on this machine, where its name is a whole stack's."""
    return f"{text}-dev" if text in TARGETS and not TARGETS[text].is_here else text
