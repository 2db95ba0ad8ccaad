"""Redis for what replicas of the api share: limits, circuits, budgets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from stacks.aws.account import Account
from stacks.aws.config import RedisSection
from stacks.aws.foundation_parts import Foundation
from stacks.naming import name

PORT = 6379
PARAMETER = "redis-url"


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisArgs:
    """`callers` are the security groups that may connect."""

    account: Account
    foundation: Foundation
    section: RedisSection
    callers: Sequence[pulumi.Input[str]]


class Redis(pulumi.ComponentResource):
    """A replication group, encrypted on the wire and at rest; its address is in a parameter that tasks read."""

    def __init__(self, resource_name: str, args: RedisArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("trimaran:aws:Redis", resource_name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        subnets = aws.elasticache.SubnetGroup(
            "redis",
            name=name("aws.elasticache_group", args.account.stack, "redis"),
            subnet_ids=args.foundation.network.private_subnets,
            opts=child,
        )
        several = args.section.replicas > 0
        group = aws.elasticache.ReplicationGroup(
            "redis",
            replication_group_id=name("aws.elasticache_group", args.account.stack, "redis"),
            description=f"State that the api of {args.account.stack} shares",
            engine="redis",
            engine_version="7.1",
            node_type=args.section.node_type,
            num_cache_clusters=1 + args.section.replicas,
            automatic_failover_enabled=several,
            multi_az_enabled=several,
            port=PORT,
            subnet_group_name=subnets.name,
            security_group_ids=[self._group(args, child)],
            transit_encryption_enabled=True,
            at_rest_encryption_enabled=True,
            kms_key_id=args.foundation.key,
            snapshot_retention_limit=1 if args.account.is_prod else 0,
            auto_minor_version_upgrade=True,
            apply_immediately=not args.account.is_prod,
            opts=child,
        )
        # By a parameter and not in the task definition: the address is not known before it exists, and one unknown part
        # would hide the whole definition from prices and policies.
        self.parameter = aws.ssm.Parameter(
            "redis",
            name=args.account.parameter(PARAMETER),
            type="SecureString",
            key_id=args.foundation.key,
            value=pulumi.Output.format("rediss://{0}:{1}/0", group.primary_endpoint_address, PORT),
            opts=child,
        )
        self.register_outputs({})

    def _group(self, args: RedisArgs, child: pulumi.ResourceOptions) -> pulumi.Output[str]:
        group = aws.ec2.SecurityGroup(
            "redis", description="The api to Redis", vpc_id=args.foundation.network.vpc, opts=child
        )
        for index, caller in enumerate(args.callers):
            aws.vpc.SecurityGroupIngressRule(
                f"redis-{index}",
                security_group_id=group.id,
                referenced_security_group_id=caller,
                ip_protocol="tcp",
                from_port=PORT,
                to_port=PORT,
                opts=child,
            )
        made: pulumi.Output[str] = group.id
        return made
