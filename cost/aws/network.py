"""The network: NAT per zone, public addresses, interface endpoints per zone, and the data that passes them."""

from __future__ import annotations

from collections.abc import Iterator

from cost.amounts import Amount, exactly
from cost.preview import Resource, Side
from cost.quantity import Handler, Quantity
from cost.replicas import always
from cost.usage import Usage

NAT = "aws:ec2/natGateway:NatGateway"
ENDPOINT = "aws:ec2/vpcEndpoint:VpcEndpoint"


def nat_gateway(resource: Resource, side: Side, usage: Usage) -> Iterator[Quantity]:
    """A gateway's hours and what passes it; its public address is the Elastic IP's."""
    yield Quantity(item="NAT gateway", skus=("aws:vpc:nat-gateway",), unit="gateway-hour", amount=always(exactly(1)))
    yield Quantity(
        item="NAT data", skus=("aws:vpc:nat-gateway-data",), unit="GB", amount=_shared("nat_gb", resource, side, usage)
    )


def address(resource: Resource, side: Side, usage: Usage) -> Iterator[Quantity]:
    """A public IPv4 address costs the same in use and idle."""
    yield Quantity(item="public IPv4", skus=("aws:vpc:public-ipv4",), unit="address-hour", amount=always(exactly(1)))


def endpoint(resource: Resource, side: Side, usage: Usage) -> Iterator[Quantity]:
    """An interface endpoint is billed in each of its subnets; gateway endpoints (S3, DynamoDB) are free."""
    if not _is_interface(resource):
        return
    zones = resource.inputs.count("subnetIds")
    yield Quantity(
        item="interface endpoints",
        skus=("aws:vpc:interface-endpoint",),
        unit="endpoint-AZ-hour",
        amount=always(zones),
        detail=f"{zones.expected} zones" if zones.expected is not None else "",
    )
    yield Quantity(
        item="endpoint data",
        skus=("aws:vpc:interface-endpoint-data",),
        unit="GB",
        amount=_shared("endpoint_gb", resource, side, usage),
    )


TYPES: dict[str, Handler] = {NAT: nat_gateway, "aws:ec2/eip:Eip": address, ENDPOINT: endpoint}


def _is_interface(resource: Resource) -> bool:
    return resource.inputs.text("vpcEndpointType", "Gateway") == "Interface"


def _shared(key: str, resource: Resource, side: Side, usage: Usage) -> Amount:
    peers = [
        each
        for each in side.resources.values()
        if each.type == resource.type and (each.type != ENDPOINT or _is_interface(each))
    ]
    return usage.share(key, resource.name, len(peers))
