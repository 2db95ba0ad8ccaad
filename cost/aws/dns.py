"""Route 53 and private name spaces: zones by the month, queries by the million."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from cost.amounts import exactly
from cost.quantity import Billed, Quantity
from cost.usage import Usage
from plan.inputs import Inputs
from plan.scope import Scope


def zone(resource: Inputs, scope: Scope, usage: Usage) -> Iterator[Quantity]:
    """A hosted zone and what it is asked."""
    yield Quantity(
        key="hosted-zone", item="hosted zone", skus=("aws:route53:zone",), unit="zone-month", amount=exactly(1)
    )
    peers = len(scope.of(resource.type))
    amount = usage.share("dns_queries", resource.name, peers) / 1_000_000
    yield Quantity(
        key="dns-queries", item="DNS queries", skus=("aws:route53:queries",), unit="million queries", amount=amount
    )


def private_namespace(resource: Inputs, scope: Scope, usage: Usage) -> Iterator[Quantity]:
    """A private DNS name space makes a hosted zone; queries from within the network are free."""
    yield Quantity(
        key="hosted-zone", item="hosted zone", skus=("aws:route53:zone",), unit="zone-month", amount=exactly(1)
    )


BILLED: Mapping[str, Billed] = {
    "aws:route53/zone:Zone": Billed(handler=zone, usage_keys=("dns_queries",)),
    "aws:servicediscovery/privateDnsNamespace:PrivateDnsNamespace": Billed(handler=private_namespace),
}
