"""Who talked to whom in the network, written down."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from stacks.aws.account import Account
from stacks.aws.documents import allow, document, trust
from stacks.naming import name


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowLogsArgs:
    """`retention_days` as CloudWatch knows them."""

    account: Account
    vpc: pulumi.Input[str]
    key: pulumi.Input[str]
    retention_days: int


class FlowLogs(pulumi.ComponentResource):
    """A log group, the role that writes to it, and the flow log."""

    def __init__(self, resource_name: str, args: FlowLogsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("trimaran:aws:FlowLogs", resource_name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        group = aws.cloudwatch.LogGroup(
            "flows",
            name=args.account.log_group("flows"),
            retention_in_days=args.retention_days,
            kms_key_id=args.key,
            opts=child,
        )
        role = aws.iam.Role(
            "flows",
            name=name("aws.iam_role", args.account.stack, "flows"),
            assume_role_policy=trust(args.account, "vpc-flow-logs"),
            opts=child,
        )
        streams = args.account.arn("logs", f"log-group:{args.account.log_group('flows')}:*")
        write = allow(["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"], [streams])
        aws.iam.RolePolicy("flows", role=role.name, policy=document([write]), opts=child)
        aws.ec2.FlowLog(
            "flows",
            vpc_id=args.vpc,
            traffic_type="ALL",
            log_destination_type="cloud-watch-logs",
            log_destination=group.arn,
            iam_role_arn=role.arn,
            opts=child,
        )
        self.register_outputs({})
