"""What a cloud refuses although no schema says so: the contract of its rules, and those that tables are enough for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from providers.rehearsal.findings import Seen
from providers.rehearsal.rules.contract import CheckedResource, CloudRule, Facts


def apply(
    rules: Iterable[CloudRule], resource: CheckedResource, peers: Iterable[CheckedResource], facts: Facts
) -> Iterator[Seen]:
    """What rules say of one resource; `peers` are those of the same stack that were checked before it."""
    others = tuple(peers)
    for rule in rules:
        yield from rule(resource, others, facts)
