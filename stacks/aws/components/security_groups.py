"""Who may talk to whom: callers to the load balancer, it to the api, the api to engines, all of them to AWS."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from stacks.aws.components.redis import PORT as REDIS_PORT
from stacks.aws.routes import APP_PORT


@dataclass(frozen=True, slots=True, kw_only=True)
class SecurityGroupsArgs:
    """`edge` is the load balancer's security group."""

    vpc: pulumi.Input[str]
    vpc_cidr: pulumi.Input[str]
    edge: pulumi.Input[str]
    redis: bool


class SecurityGroups(pulumi.ComponentResource):
    """The security group of the api's tasks."""

    def __init__(
        self, resource_name: str, args: SecurityGroupsArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        # In the URN of every group below: under another type they would be replaced.
        super().__init__("trimaran:aws:Doors", resource_name, {}, opts)
        self._vpc = args.vpc
        self._child = pulumi.ResourceOptions(parent=self)
        self.api = self._group("api", "Tasks of the api")
        self._between("edge-to-api", args.edge, self.api)
        self._to_aws("api", self.api)
        if args.redis:
            self._out("api-redis", self.api, REDIS_PORT, args.vpc_cidr)
        self.register_outputs({})

    def _group(self, label: str, description: str) -> pulumi.Output[str]:
        group = aws.ec2.SecurityGroup(label, description=description, vpc_id=self._vpc, opts=self._child)
        made: pulumi.Output[str] = group.id
        return made

    def _between(self, label: str, caller: pulumi.Input[str], answerer: pulumi.Input[str]) -> None:
        port = {"ip_protocol": "tcp", "from_port": APP_PORT, "to_port": APP_PORT}
        aws.vpc.SecurityGroupIngressRule(
            label, security_group_id=answerer, referenced_security_group_id=caller, opts=self._child, **port
        )
        aws.vpc.SecurityGroupEgressRule(
            label, security_group_id=caller, referenced_security_group_id=answerer, opts=self._child, **port
        )

    def _to_aws(self, label: str, group: pulumi.Input[str]) -> None:
        """AWS's own services, and what the network's routes let it reach beyond: without NAT nothing."""
        self._out(f"{label}-https", group, 443, "0.0.0.0/0")

    def _out(self, label: str, group: pulumi.Input[str], port: int, cidr: pulumi.Input[str]) -> None:
        aws.vpc.SecurityGroupEgressRule(
            label,
            security_group_id=group,
            cidr_ipv4=cidr,
            ip_protocol="tcp",
            from_port=port,
            to_port=port,
            opts=self._child,
        )


class EngineSecurityGroups(SecurityGroups):
    """Those of the engine's tasks and of the instances under them as well."""

    def __init__(
        self, resource_name: str, args: SecurityGroupsArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__(resource_name, args, opts)
        self.engine = self._group("engine", "Tasks of the engine")
        self.instances = self._group("instances", "The instances under the engine")
        self._between("api-to-engine", self.api, self.engine)
        for label, group in (("engine", self.engine), ("instances", self.instances)):
            self._to_aws(label, group)
