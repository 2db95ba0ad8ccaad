"""What a rule takes and gives."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from providers.rehearsal.findings import Finding, InputPlace, Seen, snake
from providers.rehearsal.values import Properties, at


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedResource:
    """A resource as it was checked: its URN, its type and its inputs."""

    urn: str
    token: str
    inputs: Properties

    def get(self, *path: str | int) -> Any:
        """The plain value of an input; None where there is none or it is not known yet."""
        return at(self.inputs, *path)

    def place(self, *path: str | int) -> InputPlace:
        """Where an input stands."""
        return InputPlace(path=path, shown=tuple(snake(each) if isinstance(each, str) else each for each in path))


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Dated numbers from the catalog, and limits from the stack's own config (`gpu_quota`: GPUs of the account)."""

    limits: Mapping[str, Any]
    gpu_quota: int | None = None


class CloudRule(Protocol):
    """A rule; it yields a finding for each thing that is wrong."""

    def __call__(self, resource: CheckedResource, peers: Sequence[CheckedResource], facts: Facts) -> Iterator[Seen]:
        """Judge one resource."""
        ...


def refuse(place: InputPlace, reason: str) -> Finding:
    """A finding that begins with the place."""
    return Finding(place=place, sentence=f"{place} {reason}")
