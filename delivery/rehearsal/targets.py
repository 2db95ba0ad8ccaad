"""What a stack's rehearsal needs beside its program: the packages of its clouds, and the foundation that it stands on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from delivery.failure import ExitCode, Failure
from stacks.targets import ENVIRONMENTS, TARGETS

# Cloud, as the first word of a target -> the Pulumi packages of its programs; a target's whole name wins.
PACKAGES: dict[str, tuple[str, ...]] = {"aws": ("aws",)}
# With these in its config a stack needs no foundation.
_OF_ONES_OWN = {"trimaran:network", "trimaran:key", "trimaran:bucket"}


def packages_of(target: str) -> tuple[str, ...]:
    """The packages whose providers are stood in for. Raises Failure for a target that calls no cloud we know."""
    found = PACKAGES.get(target) or PACKAGES.get(_cloud_of(target))
    if found is None:
        known = ", ".join(each for each in TARGETS if each in PACKAGES or _cloud_of(each) in PACKAGES) or "none yet"
        raise Failure(
            f"target '{target}' cannot be rehearsed: there is no description of its cloud.",
            f"targets that can: {known}",
            ExitCode.USAGE,
        )
    return found


def foundation_of(target: str, environment: str) -> str | None:
    """The foundation stack that a target's stack reads; None for a foundation itself and where there is none."""
    assert environment in ENVIRONMENTS
    foundation = f"{_cloud_of(target)}-foundation"
    return f"{foundation}-{environment}" if foundation in TARGETS and foundation != target else None


def foundation_in(config: Mapping[str, Any], usual: str | None) -> str | None:
    """The foundation stack that a config names; the usual one where it does not say what its stack stands on."""
    named = config.get("trimaran:foundation")
    if named:
        return str(named).rpartition("/")[2]
    return None if usual is None or set(config) >= _OF_ONES_OWN else usual


def _cloud_of(target: str) -> str:
    """The first word of a target's name."""
    return target.partition("-")[0]
