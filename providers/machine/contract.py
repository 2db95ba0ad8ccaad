"""What the engine asks of every resource of this provider; a resource is a module with these functions."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from providers.machine.values import Properties

# Asked between two steps of anything that takes long: true once the deployment was cancelled.
Cancelled = Callable[[], bool]

# (input, what is wrong with it)
Failures = list[tuple[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Which inputs changed, by what it takes: a new resource, or an update of the one there is."""

    anew: list[str] = field(default_factory=list)
    in_place: list[str] = field(default_factory=list)
    delete_first: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Reality:
    """What a resource really is now."""

    inputs: Properties
    outputs: Properties


class Resource(Protocol):
    """One type of resource. Properties are as they travel: secrets keep their wrappers from the inputs to the outputs."""

    def check(self, inputs: Properties) -> tuple[Properties, Failures]:
        """Fill in defaults and name what is wrong; unknown values are let through."""

    def diff(self, old: Properties, new: Properties) -> Change:
        """Compare two sets of checked inputs."""

    def preview(self, inputs: Properties, old: Properties | None) -> Properties:
        """Foretell the outputs of a create, or of an update of `old`, and do nothing."""

    def create(self, urn: str, inputs: Properties, cancelled: Cancelled) -> tuple[str, Properties]:
        """Make it; returns its id and outputs, or raises MachineError and leaves nothing behind."""

    def read(self, resource_id: str, inputs: Properties, outputs: Properties) -> Reality | None:
        """Look at it; None when it is gone."""

    def update(
        self, urn: str, old: Properties, old_inputs: Properties, inputs: Properties, cancelled: Cancelled
    ) -> Properties:
        """Change it in place; returns its outputs, or raises MachineError and leaves it as it was."""

    def delete(self, resource_id: str, outputs: Properties) -> None:
        """End it; already gone is fine."""


def urn_name(urn: str) -> str:
    """Return the name that the program gave the resource."""
    return urn.split("::", 3)[3]


def urn_stack(urn: str) -> str:
    """Return the stack that the resource belongs to."""
    return urn.split(":")[2]
