"""A private network: subnets in two or three zones, and no more ways out than config asks for."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from stacks.aws.components.endpoints import Endpoints, EndpointsArgs
from stacks.aws.config import Nat
from stacks.naming import name


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkArgs:
    """`cidr` is split: a sixteenth for each private subnet, a 256th for each public one."""

    stack: str
    region: str
    cidr: str
    zones: tuple[str, ...]
    nat: Nat
    endpoints: bool


class Network(pulumi.ComponentResource):
    """VPC, private and public subnets, NAT, endpoints; the default security group loses all its rules."""

    def __init__(self, resource_name: str, args: NetworkArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("trimaran:aws:Network", resource_name, {}, opts)
        self._args = args
        self._child = pulumi.ResourceOptions(parent=self)
        self.vpc = aws.ec2.Vpc(
            "vpc",
            cidr_block=args.cidr,
            enable_dns_hostnames=True,
            enable_dns_support=True,
            tags={"Name": name("aws.security_group", args.stack)},
            opts=self._child,
        )
        aws.ec2.DefaultSecurityGroup("default", vpc_id=self.vpc.id, opts=self._child)
        public, private = split(args.cidr, len(args.zones))
        self.private_subnets = [
            self._subnet("private", zone, cidr) for zone, cidr in zip(args.zones, private, strict=True)
        ]
        self.public_subnets = [
            self._subnet("public", zone, cidr) for zone, cidr in zip(args.zones, public, strict=True)
        ]
        self._private_tables = self._routes()
        Endpoints(
            "endpoints",
            EndpointsArgs(
                region=args.region,
                vpc=self.vpc.id,
                cidr=args.cidr,
                subnets=[each.id for each in self.private_subnets],
                route_tables=[each.id for each in self._private_tables],
                interfaces=args.endpoints,
            ),
            opts=self._child,
        )
        self.register_outputs({"vpc": self.vpc.id})

    def _subnet(self, kind: str, zone: str, cidr: str) -> aws.ec2.Subnet:
        short = zone[-1]
        return aws.ec2.Subnet(
            f"{kind}-{short}",
            vpc_id=self.vpc.id,
            availability_zone=zone,
            cidr_block=cidr,
            map_public_ip_on_launch=False,
            tags={"Name": f"{self._args.stack}-{kind}-{short}"},
            opts=self._child,
        )

    def _routes(self) -> list[aws.ec2.RouteTable]:
        """A way to the internet for public subnets, and through NAT for private ones; one table for each private subnet."""
        gateway = aws.ec2.InternetGateway("internet", vpc_id=self.vpc.id, opts=self._child)
        public = self._table("public", self.public_subnets)
        self._way_out("public", public, gateway_id=gateway.id)
        count = {Nat.NONE: 0, Nat.ONE: 1, Nat.PER_ZONE: len(self.public_subnets)}[self._args.nat]
        nats = [self._nat(subnet, index, gateway) for index, subnet in enumerate(self.public_subnets[:count])]
        tables = []
        for index, subnet in enumerate(self.private_subnets):
            table = self._table(f"private-{index}", [subnet])
            if nats:
                self._way_out(f"private-{index}", table, nat_gateway_id=nats[index % len(nats)].id)
            tables.append(table)
        return tables

    def _table(self, label: str, subnets: list[aws.ec2.Subnet]) -> aws.ec2.RouteTable:
        table = aws.ec2.RouteTable(
            label, vpc_id=self.vpc.id, tags={"Name": f"{self._args.stack}-{label}"}, opts=self._child
        )
        for index, subnet in enumerate(subnets):
            aws.ec2.RouteTableAssociation(
                f"{label}-{index}", route_table_id=table.id, subnet_id=subnet.id, opts=self._child
            )
        return table

    def _way_out(self, label: str, table: aws.ec2.RouteTable, **gateway: pulumi.Input[str]) -> None:
        aws.ec2.Route(
            f"{label}-out", route_table_id=table.id, destination_cidr_block="0.0.0.0/0", opts=self._child, **gateway
        )

    def _nat(self, subnet: aws.ec2.Subnet, index: int, gateway: aws.ec2.InternetGateway) -> aws.ec2.NatGateway:
        address = aws.ec2.Eip(f"nat-{index}", domain="vpc", opts=self._child)
        return aws.ec2.NatGateway(
            f"nat-{index}",
            allocation_id=address.allocation_id,
            subnet_id=subnet.id,
            tags={"Name": f"{self._args.stack}-nat-{index}"},
            opts=pulumi.ResourceOptions(parent=self, depends_on=[gateway]),
        )


def split(cidr: str, count: int) -> tuple[list[str], list[str]]:
    """Ranges of the public and of the private subnets: the first sixteenth is for public ones."""
    network = ipaddress.IPv4Network(cidr)
    first, *others = network.subnets(prefixlen_diff=4)
    public = list(first.subnets(prefixlen_diff=4))[:count]
    return [str(each) for each in public], [str(each) for each in others[:count]]
