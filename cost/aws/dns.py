"""Route 53 and private name spaces: zones by the month, queries by the million."""

from __future__ import annotations

from collections.abc import Iterator

from cost.amounts import exactly
from cost.preview import Resource, Side
from cost.quantity import Handler, Quantity
from cost.usage import Usage


def zone(resource: Resource, side: Side, usage: Usage) -> Iterator[Quantity]:
    """A hosted zone and what it is asked."""
    yield Quantity(item="hosted zone", skus=("aws:route53:zone",), unit="zone-month", amount=exactly(1))
    peers = sum(each.type == resource.type for each in side.resources.values())
    amount = usage.share("dns_queries", resource.name, peers) / 1_000_000
    yield Quantity(item="DNS queries", skus=("aws:route53:queries",), unit="million queries", amount=amount)


def private_namespace(resource: Resource, side: Side, usage: Usage) -> Iterator[Quantity]:
    """A private DNS name space makes a hosted zone; queries from within the network are free."""
    yield Quantity(item="hosted zone", skus=("aws:route53:zone",), unit="zone-month", amount=exactly(1))


TYPES: dict[str, Handler] = {
    "aws:route53/zone:Zone": zone,
    "aws:servicediscovery/privateDnsNamespace:PrivateDnsNamespace": private_namespace,
}
