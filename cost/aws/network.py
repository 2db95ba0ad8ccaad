"""The network: NAT per zone, public addresses, interface endpoints per zone, and the data that passes them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from cost.amounts import exactly
from cost.inputs import count_of
from cost.quantity import Billed, Quantity
from cost.replicas import always
from cost.usage import Usage
from plan.inputs import Inputs
from plan.scope import Scope

NAT = "aws:ec2/natGateway:NatGateway"
ENDPOINT = "aws:ec2/vpcEndpoint:VpcEndpoint"


def nat_gateway(resource: Inputs, scope: Scope, usage: Usage) -> Iterator[Quantity]:
    """A gateway's hours and what passes it; its public address is the Elastic IP's."""
    yield Quantity(
        key="nat-gateway",
        item="NAT gateway",
        skus=("aws:vpc:nat-gateway",),
        unit="gateway-hour",
        amount=always(exactly(1)),
    )
    yield Quantity(
        key="nat-data",
        item="NAT data",
        skus=("aws:vpc:nat-gateway-data",),
        unit="GB",
        amount=usage.share("nat_gb", resource.name, len(scope.of(NAT))),
    )


def address(resource: Inputs, scope: Scope, usage: Usage) -> Iterator[Quantity]:
    """A public IPv4 address costs the same in use and idle."""
    yield Quantity(
        key="public-ipv4",
        item="public IPv4",
        skus=("aws:vpc:public-ipv4",),
        unit="address-hour",
        amount=always(exactly(1)),
    )


def endpoint(resource: Inputs, scope: Scope, usage: Usage) -> Iterator[Quantity]:
    """An interface endpoint is billed in each of its subnets; gateway endpoints (S3, DynamoDB) are free."""
    if not _is_interface(resource):
        return
    zones = count_of(resource, "subnetIds")
    yield Quantity(
        key="interface-endpoints",
        item="interface endpoints",
        skus=("aws:vpc:interface-endpoint",),
        unit="endpoint-AZ-hour",
        amount=always(zones),
        detail=f"{zones.expected} zones" if zones.expected is not None else "",
    )
    yield Quantity(
        key="endpoint-data",
        item="endpoint data",
        skus=("aws:vpc:interface-endpoint-data",),
        unit="GB",
        amount=usage.share("endpoint_gb", resource.name, sum(map(_is_interface, scope.of(ENDPOINT)))),
    )


BILLED: Mapping[str, Billed] = {
    NAT: Billed(handler=nat_gateway, usage_keys=("nat_gb",)),
    "aws:ec2/eip:Eip": Billed(handler=address),
    ENDPOINT: Billed(handler=endpoint, reads={ENDPOINT: ("subnetIds", "vpcEndpointType")}, usage_keys=("endpoint_gb",)),
}


def _is_interface(resource: Inputs) -> bool:
    return resource.text("vpcEndpointType", "Gateway") == "Interface"
