"""Ways to AWS's own services that never leave the network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

# What a task on ECS needs to start, to log, to read its secrets and to call a managed model.
SERVICES = (
    "ecs",
    "ecs-agent",
    "ecs-telemetry",
    "ecr.api",
    "ecr.dkr",
    "logs",
    "ssm",
    "sts",
    "monitoring",
    "kms",
    "bedrock-runtime",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointsArgs:
    """`interfaces`: also the endpoints that are billed by the hour and zone; the one for S3 costs nothing."""

    region: str
    vpc: pulumi.Input[str]
    cidr: str
    subnets: Sequence[pulumi.Input[str]]
    route_tables: Sequence[pulumi.Input[str]]
    interfaces: bool


class Endpoints(pulumi.ComponentResource):
    """The gateway endpoint of S3, and one interface endpoint for each service."""

    def __init__(self, resource_name: str, args: EndpointsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("trimaran:aws:Endpoints", resource_name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        aws.ec2.VpcEndpoint(
            "s3",
            vpc_id=args.vpc,
            service_name=f"com.amazonaws.{args.region}.s3",
            vpc_endpoint_type="Gateway",
            route_table_ids=list(args.route_tables),
            opts=child,
        )
        if args.interfaces:
            self._interfaces(args, child)
        self.register_outputs({})

    def _interfaces(self, args: EndpointsArgs, child: pulumi.ResourceOptions) -> None:
        group = aws.ec2.SecurityGroup(
            "endpoints", description="HTTPS from inside the network to AWS", vpc_id=args.vpc, opts=child
        )
        aws.vpc.SecurityGroupIngressRule(
            "endpoints-https",
            security_group_id=group.id,
            description="anything in the network",
            cidr_ipv4=args.cidr,
            ip_protocol="tcp",
            from_port=443,
            to_port=443,
            opts=child,
        )
        for service in SERVICES:
            aws.ec2.VpcEndpoint(
                service.replace(".", "-"),
                vpc_id=args.vpc,
                service_name=f"com.amazonaws.{args.region}.{service}",
                vpc_endpoint_type="Interface",
                private_dns_enabled=True,
                subnet_ids=list(args.subnets),
                security_group_ids=[group.id],
                opts=child,
            )
