"""The ECS cluster, the names by which its tasks find each other, and where they log."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from stacks.aws.account import Account
from stacks.naming import name


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterArgs:
    """`key` encrypts the logs."""

    account: Account
    vpc: pulumi.Input[str]
    key: pulumi.Input[str]
    retention_days: int


class Cluster(pulumi.ComponentResource):
    """Cluster and log groups."""

    def __init__(self, resource_name: str, args: ClusterArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("trimaran:aws:Cluster", resource_name, {}, opts)
        self._args = args
        self._child = pulumi.ResourceOptions(parent=self)
        self.name = cluster_name(args.account)
        cluster = aws.ecs.Cluster(
            "cluster",
            name=self.name,
            # The app's own metrics say more, and these are billed for each task.
            settings=[{"name": "containerInsights", "value": "disabled"}],
            opts=self._child,
        )
        self.arn = cluster.arn
        self.logs = [self._log_group(group) for group in ("api", "metrics")]
        self.register_outputs({"arn": self.arn})

    def _log_group(self, group: str) -> aws.cloudwatch.LogGroup:
        args = self._args
        return aws.cloudwatch.LogGroup(
            group,
            name=args.account.log_group(group),
            retention_in_days=args.retention_days,
            kms_key_id=args.key,
            opts=self._child,
        )


class EngineCluster(Cluster):
    """One with engines, which are found by their names in a private DNS namespace."""

    def __init__(self, resource_name: str, args: ClusterArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(resource_name, args, opts)
        self.domain = domain(args.account)
        namespace = aws.servicediscovery.PrivateDnsNamespace(
            "namespace", name=self.domain, vpc=args.vpc, opts=self._child
        )
        self.namespace = namespace.id
        self.logs.append(self._log_group("engine"))


def cluster_name(account: Account) -> str:
    """The cluster's name, known before the cluster is made: policies and scaling name it."""
    return name("aws.ecs_cluster", account.stack)


def domain(account: Account) -> str:
    """The private domain of the stack's tasks."""
    return f"{account.stack}.internal"
