"""What a cloud refuses although no schema says so: small pure functions over a resource, its peers and dated numbers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from providers.rehearsal.findings import Seen
from providers.rehearsal.rules import aws_ecs, aws_gpu, aws_network, names
from providers.rehearsal.rules.contract import Facts, Resource, Rule

_EVERYWHERE: tuple[Rule, ...] = (names.name_fits, names.value_is_known, names.number_is_in_range, names.tags_fit)
_BY_PACKAGE: dict[str, tuple[Rule, ...]] = {"aws": (*aws_ecs.RULES, *aws_network.RULES, *aws_gpu.RULES)}


def apply(package: str, resource: Resource, peers: Iterable[Resource], facts: Facts) -> Iterator[Seen]:
    """What the rules say of one resource; `peers` are those of the same stack that were checked before it."""
    others = tuple(peers)
    for rule in (*_EVERYWHERE, *_BY_PACKAGE.get(package, ())):
        yield from rule(resource, others, facts)
