"""The one list of targets. A target is one module and one line here; it is imported only when a stack needs it."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

if TYPE_CHECKING:
    from stacks.config import StackConfig
    from stacks.outputs import Outputs

TARGETS: dict[str, str] = {
    "local": "stacks.local.local",
    "aws-foundation": "stacks.aws.foundation",
    "aws-ecs": "stacks.aws.ecs",
}


ENVIRONMENTS = ("dev", "staging", "prod")


class Target(Protocol):
    """What a target's module offers."""

    def deploy(self, config: StackConfig, root: Path) -> Outputs:
        """Declare the target's resources. Raises ConfigError for a config that this target cannot carry out."""
        ...


def named_in(stack: str) -> tuple[str, str]:
    """Target and environment of a stack called <target>-<environment>; a name without an environment counts as dev."""
    name, _, suffix = stack.rpartition("-")
    return (name, suffix) if name and suffix in ENVIRONMENTS else (stack, "dev")


def load(name: str) -> Target:
    """The target's module; `name` is a key of TARGETS."""
    return cast("Target", importlib.import_module(TARGETS[name]))


def unknown_target(name: str) -> str:
    """The sentence for a target that is not on the list."""
    return f"target '{name}' is unknown. Known targets: {', '.join(TARGETS)}.{nearest(name, TARGETS)}"


def nearest(word: str, known: Iterable[str]) -> str:
    """' Did you mean …?' for the closest known word, or nothing."""
    matches = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f" Did you mean '{matches[0]}'?" if matches else ""
