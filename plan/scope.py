"""The resources of a stack at one time, as one reader may see them: all of a type, and who refers to whom."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from catalog.clouds import known_as
from plan.inputs import Inputs
from plan.resource import Resource

# By resource type, the input paths that a reader may read: `a.b` of a map, `a[].b` of each item of a list.
Reads = Mapping[str, tuple[str, ...]]


class Peers(Protocol):
    """What a reader may ask of the resources around one: all of a type, and those that refer to it."""

    def of(self, type_: str) -> tuple[Inputs, ...]:
        """All resources of a type."""
        ...

    def referring(self, one: Inputs, type_: str) -> tuple[Inputs, ...]:
        """The resources of a type that refer to `one` by any input."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """`resources` by URN, through the eyes of `reader`. `completed` says that outputs stand in for inputs that are not set."""

    resources: Mapping[str, Resource]
    reader: str
    reads: Reads
    completed: bool = False

    def sees(self, resource: Resource) -> Inputs:
        """A resource as the reader may read it."""
        return Inputs(
            resource=resource,
            reader=self.reader,
            declared=self.reads.get(known_as(resource.type), ()),
            values=resource.inputs,
            fallback=resource.outputs if self.completed else {},
        )

    def of(self, type_: str) -> tuple[Inputs, ...]:
        """All resources of a type."""
        return tuple(self.sees(each) for each in self.resources.values() if known_as(each.type) == type_)

    def linked(self, one: Inputs, link: str, type_: str) -> tuple[Inputs, ...]:
        """The resources of a type that an input of `one` refers to."""
        urns = one.resource.links.get(link, ())
        return tuple(each for each in self.of(type_) if each.resource.urn in urns)

    def referring(self, one: Inputs, type_: str) -> tuple[Inputs, ...]:
        """The resources of a type that refer to `one` by any input."""
        return tuple(each for each in self.of(type_) if each.resource.refers_to(one.resource.urn))
