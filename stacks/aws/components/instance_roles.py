"""The role of GPU instances, and the one with which ECS starts them where it manages them itself."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from stacks.aws.account import Account
from stacks.aws.documents import allow, document, trust, trust_of_instances
from stacks.naming import name

_MANAGED_POLICY = "AmazonECSInfrastructureRolePolicyForManagedInstances"


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceRoleArgs:
    """`cluster` is a name."""

    account: Account
    cluster: str


class InstanceRole(pulumi.ComponentResource):
    """What the ECS agent on an instance may do: belong to this cluster. Images and logs are the tasks' own matter."""

    def __init__(self, resource_name: str, args: InstanceRoleArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("trimaran:aws:InstanceRole", resource_name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        account = args.account
        role = aws.iam.Role(
            "instance",
            name=role_name(account, "instance"),
            assume_role_policy=trust_of_instances(),
            opts=child,
        )
        cluster = account.arn("ecs", f"cluster/{args.cluster}")
        instances = account.arn("ecs", f"container-instance/{args.cluster}/*")
        statements = [
            allow(["ecs:DeregisterContainerInstance", "ecs:RegisterContainerInstance"], [cluster]),
            allow(
                ["ecs:Poll", "ecs:StartTelemetrySession", "ecs:UpdateContainerInstancesState"],
                [instances],
                {"ArnEquals": {"ecs:cluster": cluster}},
            ),
            allow(
                ["ecs:SubmitAttachmentStateChanges", "ecs:SubmitContainerStateChange", "ecs:SubmitTaskStateChange"],
                [cluster],
            ),
            # Takes no resource: it tells the agent where to ask.
            allow(["ecs:DiscoverPollEndpoint"], ["*"]),
        ]
        aws.iam.RolePolicy("instance", role=role.name, policy=document(statements), opts=child)
        profile = aws.iam.InstanceProfile("instance", name=role_name(account, "instance"), role=role.name, opts=child)
        self.profile = profile.arn
        self.register_outputs({"profile": self.profile})


class InfrastructureRole(pulumi.ComponentResource):
    """AWS's own policy for Managed Instances, and the permission to hand our instances their role."""

    def __init__(self, resource_name: str, args: InstanceRoleArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("trimaran:aws:InfrastructureRole", resource_name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        account = args.account
        role = aws.iam.Role(
            "infrastructure",
            name=role_name(account, "infrastructure"),
            assume_role_policy=trust(account, "ecs"),
            opts=child,
        )
        aws.iam.RolePolicyAttachment(
            "infrastructure",
            role=role.name,
            policy_arn=f"arn:{account.partition}:iam::aws:policy/{_MANAGED_POLICY}",
            opts=child,
        )
        hand_on = allow(
            ["iam:PassRole"],
            [account.global_arn("iam", f"role/{role_name(account, 'instance')}")],
            {"StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"}},
        )
        aws.iam.RolePolicy("infrastructure", role=role.name, policy=document([hand_on]), opts=child)
        self.arn = role.arn
        self.register_outputs({"arn": self.arn})


def role_name(account: Account, part: str) -> str:
    """The name of a role for instances, known before it is made."""
    return name("aws.iam_role", account.stack, part)
