"""The roles of a service stack on ECS: to start tasks, to be the api or the engine, to move traffic."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from stacks.aws.account import Account
from stacks.aws.documents import Statement, allow, document, trust
from stacks.naming import name

_ECR = re.compile(r"(?P<account>\d{12})\.dkr\.ecr\.(?P<region>[a-z0-9-]+)\.amazonaws\.com(\.cn)?/(?P<name>[^@:]+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class RolesArgs:
    """`images` are all that tasks pull, `services` those that write logs; `calling` lets the api call managed models."""

    account: Account
    images: Sequence[str]
    services: Sequence[str]
    calling: Sequence[Statement]
    key: pulumi.Input[str]


class Roles(pulumi.ComponentResource):
    """Roles with their policies; `ready` is what a service waits for before it starts tasks."""

    def __init__(self, resource_name: str, args: RolesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("trimaran:aws:Roles", resource_name, {}, opts)
        self._account = args.account
        self.ready: list[pulumi.Resource] = []
        self.execution = self._role("execution", "ecs-tasks", starting(args))
        self.api = self._role("api", "ecs-tasks", [*metrics(args.account), *args.calling])
        self.traffic = self._role("traffic", "ecs", moving_traffic(args.account))
        self.register_outputs({})

    def _role(self, label: str, service: str, statements: Sequence[Statement]) -> pulumi.Output[str]:
        child = pulumi.ResourceOptions(parent=self)
        role = aws.iam.Role(
            label,
            name=name("aws.iam_role", self._account.stack, label),
            assume_role_policy=trust(self._account, service),
            opts=child,
        )
        self.ready.append(aws.iam.RolePolicy(label, role=role.name, policy=document(statements), opts=child))
        arn: pulumi.Output[str] = role.arn
        return arn


class EngineRoles(Roles):
    """That of the engine as well, which reads weights from `bucket`."""

    def __init__(
        self,
        resource_name: str,
        args: RolesArgs,
        bucket: pulumi.Input[str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__(resource_name, args, opts)
        reading = reading_weights(args.account, bucket, args.key)
        self.engine = self._role("engine", "ecs-tasks", [*metrics(args.account), *reading])


def starting(args: RolesArgs) -> list[Statement]:
    """What ECS does for a task before it runs: pull images, read parameters, open log streams."""
    account = args.account
    repositories = sorted({arn for image in args.images if (arn := repository_arn(account, image))})
    through_ssm = {"StringEquals": {"kms:ViaService": f"ssm.{account.region}.amazonaws.com"}}
    pulling = [
        # Takes no resource: it hands out a token that is good for what the next statement allows.
        allow(["ecr:GetAuthorizationToken"], ["*"]),
        allow(
            ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
            repositories,
        ),
    ]
    return [
        *(pulling if repositories else []),
        allow(["ssm:GetParameters"], [account.arn("ssm", f"parameter{account.parameter('*')}")]),
        allow(["kms:Decrypt"], [args.key], through_ssm),
        allow(
            ["logs:CreateLogStream", "logs:PutLogEvents"],
            [account.arn("logs", f"log-group:{account.log_group(each)}:*") for each in args.services],
        ),
    ]


def metrics(account: Account) -> list[Statement]:
    """The collector writes metrics as log lines, which CloudWatch reads."""
    streams = account.arn("logs", f"log-group:{account.log_group('metrics')}:*")
    return [allow(["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"], [streams])]


def reading_weights(account: Account, of: pulumi.Input[str], key: pulumi.Input[str]) -> list[Statement]:
    """To read models from the bucket."""
    bucket = pulumi.Output.format("arn:{0}:s3:::{1}", account.partition, of)
    through_s3 = {"StringEquals": {"kms:ViaService": f"s3.{account.region}.amazonaws.com"}}
    return [
        allow(["s3:GetObject"], [pulumi.Output.concat(bucket, "/models/*")]),
        allow(["s3:ListBucket"], [bucket], {"StringLike": {"s3:prefix": ["models/*"]}}),
        allow(["kms:Decrypt"], [key], through_s3),
    ]


def moving_traffic(account: Account) -> list[Statement]:
    """ECS changes the weights of this stack's listener rules, and registers tasks with its target groups."""
    describing = ("DescribeListeners", "DescribeRules", "DescribeTargetGroups", "DescribeTargetHealth")
    balancer = name("aws.load_balancer", account.stack)
    targets = account.arn("elasticloadbalancing", f"targetgroup/{account.stack[:20]}*/*")
    return [
        # Descriptions take no resource.
        allow([f"elasticloadbalancing:{each}" for each in describing], ["*"]),
        allow(
            ["elasticloadbalancing:ModifyListener", "elasticloadbalancing:ModifyRule"],
            [account.arn("elasticloadbalancing", f"{kind}/app/{balancer}/*") for kind in ("listener", "listener-rule")],
        ),
        allow(["elasticloadbalancing:RegisterTargets", "elasticloadbalancing:DeregisterTargets"], [targets]),
    ]


def repository_arn(account: Account, image: str) -> str:
    """The ARN of an image's repository in ECR; empty for an image from elsewhere."""
    found = _ECR.match(image)
    if not found:
        return ""
    return f"arn:{account.partition}:ecr:{found['region']}:{found['account']}:repository/{found['name']}"
