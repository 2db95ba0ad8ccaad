"""What a stack's rehearsal needs beside its program: the packages of its clouds, and the foundation that it stands on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from delivery.failure import ExitCode, Failure
from stacks.targets import TARGETS, unknown_target

# With these in its config a stack needs no foundation.
_OF_ONES_OWN = {"trimaran:network", "trimaran:key", "trimaran:bucket"}


def packages_of(target: str) -> tuple[str, ...]:
    """The packages whose providers are stood in for. Raises Failure for a target that calls no cloud."""
    if target not in TARGETS:
        raise Failure(unknown_target(target), "./trimaran rehearse STACK, with one of them", ExitCode.USAGE)
    if TARGETS[target].is_here:
        known = ", ".join(name for name, each in TARGETS.items() if not each.is_here)
        raise Failure(
            f"target '{target}' cannot be rehearsed: all that it makes is on this machine.",
            f"./trimaran up {target}; targets that can be rehearsed: {known}",
            ExitCode.USAGE,
        )
    return TARGETS[target].packages


def foundation_of(target: str, environment: str) -> str | None:
    """The foundation stack that a target's stack reads; None for a foundation itself and where there is none."""
    foundation = TARGETS[target].foundation
    return f"{foundation}-{environment}" if foundation else None


def foundation_in(config: Mapping[str, Any], usual: str | None) -> str | None:
    """The foundation stack that a config names; the usual one where it does not say what its stack stands on."""
    named = config.get("trimaran:foundation")
    if named:
        return str(named).rpartition("/")[2]
    return None if usual is None or set(config) >= _OF_ONES_OWN else usual
