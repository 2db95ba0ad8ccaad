"""What a rehearsal has seen: each resource's inspection, its peers, and what changed without anybody saying how."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field

from providers.rehearsal.inspection import Inspection
from providers.rehearsal.rules.contract import CheckedResource


@dataclass(slots=True)
class RehearsalRecord:
    """Filled by the servers of one rehearsal, from many threads; read once the engine is done."""

    inspections: dict[str, Inspection] = field(default_factory=dict)
    undecided_changes: dict[str, tuple[str, ...]] = field(default_factory=dict)
    lookups: list[str] = field(default_factory=list)
    refused_lookups: list[str] = field(default_factory=list)
    _resources: dict[str, CheckedResource] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def peers(self, resource: CheckedResource) -> list[CheckedResource]:
        """The other resources of the same stack so far; from now on this one is among them."""
        stack = _stack_of(resource.urn)
        with self._lock:
            others = [each for urn, each in self._resources.items() if urn != resource.urn and _stack_of(urn) == stack]
            self._resources[resource.urn] = resource
        return others

    def inspected(self, inspection: Inspection) -> None:
        """Keep the latest inspection of a resource."""
        with self._lock:
            self.inspections[inspection.urn] = inspection

    def forget(self, urn: str) -> None:
        """Take a deleted resource out of the peers of others."""
        with self._lock:
            self._resources.pop(urn, None)

    def of_stack(self, stack: str) -> Mapping[str, Inspection]:
        """The inspections of one stack by URN."""
        with self._lock:
            return {urn: each for urn, each in self.inspections.items() if _stack_of(urn) == stack}


def _stack_of(urn: str) -> str:
    return urn.split("::")[0].removeprefix("urn:pulumi:")
