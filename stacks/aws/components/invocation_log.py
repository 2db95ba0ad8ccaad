"""Every call to a model of Bedrock, written down: one setting for an account and region, whoever calls."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from stacks.aws.account import Account
from stacks.aws.config import InvocationLogging
from stacks.aws.documents import allow, document
from stacks.naming import name

GROUP = "invocations"


@dataclass(frozen=True, slots=True, kw_only=True)
class InvocationLogArgs:
    """`retention_days` as CloudWatch knows them."""

    account: Account
    key: pulumi.Input[str]
    retention_days: int
    section: InvocationLogging


class InvocationLog(pulumi.ComponentResource):
    """A log group, the role by which Bedrock writes to it, and what it writes: no conversation unless config says so."""

    def __init__(self, resource_name: str, args: InvocationLogArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("trimaran:aws:InvocationLog", resource_name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        account = args.account
        group = aws.cloudwatch.LogGroup(
            GROUP,
            name=account.log_group(GROUP),
            retention_in_days=args.retention_days,
            kms_key_id=args.key,
            opts=child,
        )
        role = aws.iam.Role(
            GROUP,
            name=name("aws.iam_role", account.stack, GROUP),
            assume_role_policy=_bedrock_of(account),
            opts=child,
        )
        # The one stream that Bedrock writes to (docs.aws.amazon.com/bedrock, model-invocation-logging, checked 2026-12-01).
        stream = account.arn("logs", f"log-group:{account.log_group(GROUP)}:log-stream:aws/bedrock/modelinvocations")
        writing = allow(["logs:CreateLogStream", "logs:PutLogEvents"], [stream])
        policy = aws.iam.RolePolicy(GROUP, role=role.name, policy=document([writing]), opts=child)
        aws.bedrockmodel.InvocationLoggingConfiguration(
            "calls",
            logging_config={
                "cloudwatch_config": {"log_group_name": account.log_group(GROUP), "role_arn": role.arn},
                "text_data_delivery_enabled": args.section.text,
                "image_data_delivery_enabled": args.section.images,
                "embedding_data_delivery_enabled": False,
                "video_data_delivery_enabled": False,
            },
            # Bedrock tries the role when it is told of it.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[group, policy]),
        )
        self.register_outputs({})


def _bedrock_of(account: Account) -> pulumi.Output[str]:
    """Bedrock may take the role, on behalf of this account and in this region."""
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "bedrock.amazonaws.com"},
        "Action": ["sts:AssumeRole"],
        "Condition": {
            "StringEquals": {"aws:SourceAccount": account.id},
            "ArnLike": {"aws:SourceArn": account.arn("bedrock", "*")},
        },
    }
    return document([statement])
