"""The one list of targets. A target's program and configuration are imported only when a stack needs them."""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

from catalog.clouds import cloud_of_type

if TYPE_CHECKING:
    from stacks.config import StackConfig
    from stacks.outputs import Outputs

# What each provider of this project makes is on the machine that the engine runs on.
_OWN_PACKAGES = ("machine",)


class Program(Protocol):
    """What a target's module offers."""

    def deploy(self, config: Any, root: Path) -> Outputs:
        """Declare the target's resources. Raises ConfigError for a config that this target cannot carry out."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """`module` has the program, `config` is the class of its configuration as `module:class`, `packages` are the Pulumi
    packages that the program uses, its cloud's first, and `foundation` is the target whose stack it stands on.
    """

    module: str
    config: str
    packages: tuple[str, ...]
    foundation: str | None = None

    def program(self) -> Program:
        """The target's module."""
        return cast("Program", importlib.import_module(self.module))

    def config_type(self) -> type[StackConfig]:
        """The class of the target's configuration; importing it loads no cloud's SDK."""
        return cast("type[StackConfig]", pkgutil.resolve_name(self.config))

    @property
    def is_here(self) -> bool:
        """Whether all that a stack makes is on this machine, so that its example runs as it is."""
        return set(self.packages) <= set(_OWN_PACKAGES)

    @property
    def region_keys(self) -> tuple[str, ...]:
        """The config keys by which the providers are told their region."""
        keys: list[str] = []
        for package in self.packages:
            cloud = cloud_of_type(package)
            keys += cloud.region_keys if cloud else ()
        return tuple(keys)


TARGETS: dict[str, Target] = {
    "local": Target(
        module="stacks.local.local",
        config="stacks.local.config:LocalConfig",
        packages=("machine",),
    ),
    "aws-foundation": Target(
        module="stacks.aws.foundation",
        config="stacks.aws.config:FoundationConfig",
        packages=("aws",),
    ),
    "aws-ecs": Target(
        module="stacks.aws.ecs",
        config="stacks.aws.config:EcsConfig",
        packages=("aws",),
        foundation="aws-foundation",
    ),
    "aws-bedrock": Target(
        module="stacks.aws.bedrock",
        config="stacks.aws.config:BedrockConfig",
        packages=("aws",),
        foundation="aws-foundation",
    ),
}

ENVIRONMENTS = ("dev", "staging", "prod")


def named_in(stack: str) -> tuple[str, str]:
    """Target and environment of a stack called <target>-<environment>, in whatever case. A target's own name counts as dev;
    of any other name without an environment nobody can tell, and it is empty.
    """
    name, _, suffix = stack.rpartition("-")
    if suffix.lower() in ENVIRONMENTS:
        return name or stack, suffix.lower()
    return stack, "dev" if stack in TARGETS else ""


def load(name: str) -> Program:
    """The module of a target; `name` is a key of TARGETS."""
    return TARGETS[name].program()


def unknown_target(name: str) -> str:
    """The sentence for a target that is not on the list."""
    return f"target '{name}' is unknown. Known targets: {', '.join(TARGETS)}.{nearest(name, TARGETS)}"


def nearest(word: str, known: Iterable[str]) -> str:
    """' Did you mean …?' for the closest known word, or nothing."""
    matches = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f" Did you mean '{matches[0]}'?" if matches else ""
