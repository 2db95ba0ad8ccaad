"""The api on ECS with all that stands around it: the same whether its own engine or a managed model answers behind it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi

from stacks.aws import routes
from stacks.aws.account import Account
from stacks.aws.components.alarms import Alarms, AlarmsArgs
from stacks.aws.components.api_service import ApiService, ApiServiceArgs
from stacks.aws.components.budget import Budget, BudgetArgs
from stacks.aws.components.cluster import Cluster, ClusterArgs
from stacks.aws.components.collector import namespace
from stacks.aws.components.edge import Edge, EdgeArgs
from stacks.aws.components.redis import PARAMETER as REDIS_PARAMETER
from stacks.aws.components.redis import Redis, RedisArgs
from stacks.aws.components.roles import Roles
from stacks.aws.components.security_groups import SecurityGroups, SecurityGroupsArgs
from stacks.aws.config import ApiConfig
from stacks.aws.foundation_parts import Foundation
from stacks.aws.keys import KEYS_PARAMETER, keys_of
from stacks.aws.versions import Versions
from stacks.config import ConfigError
from stacks.outputs import Outputs, Reference


class ApiStack:
    """What is made once, whatever stands behind the api: who knows that makes `cluster`, `security_groups` and `roles`."""

    cluster: Cluster
    security_groups: SecurityGroups
    roles: Roles

    def __init__(self, config: ApiConfig, account: Account, foundation: Foundation, versions: Versions[Any]) -> None:
        self._config, self._account, self._foundation, self._versions = config, account, foundation, versions
        self.edge = Edge("edge", self._edge())
        self.alarms = Alarms(
            "alarms",
            AlarmsArgs(
                account=account,
                balancer=self.edge.balancer.arn_suffix,
                targets=self.edge.blue.arn_suffix,
                key=foundation.key,
                email=config.alerts.email,
                engine=versions.stable.engine,
            ),
        )
        if config.limits.monthly_usd is not None:
            Budget(
                "budget",
                BudgetArgs(
                    account=account,
                    monthly_usd=config.limits.monthly_usd,
                    topic=self.alarms.address,
                    email=config.alerts.email,
                ),
            )

    def cluster_args(self) -> ClusterArgs:
        """What the cluster of such a stack is made of."""
        foundation = self._foundation
        return ClusterArgs(
            account=self._account,
            vpc=foundation.network.vpc,
            key=foundation.key,
            retention_days=self._config.retention_days,
        )

    def security_groups_args(self) -> SecurityGroupsArgs:
        """What its security groups are made of."""
        network = self._foundation.network
        return SecurityGroupsArgs(
            vpc=network.vpc,
            vpc_cidr=network.cidr,
            edge=self.edge.group.id,
            redis=self._config.redis is not None,
        )

    def _edge(self) -> EdgeArgs:
        config = self._config
        key = config.promotion_key
        return EdgeArgs(
            account=self._account,
            foundation=self._foundation,
            public=config.ingress.public,
            certificate=_certificate(config, self._foundation),
            domain=config.domain.name if config.domain else "",
            allowed_cidrs=[str(each) for each in config.ingress.allowed_cidrs],
            promotion_key=pulumi.Output.secret(key.get_secret_value()) if key else None,
            splits=config.rollout.is_split,
        )

    def parameters(self) -> list[pulumi.Resource]:
        """What tasks read as secrets."""
        made: list[pulumi.Resource] = []
        keys = keys_of(self._config, self._account, self._foundation.key)
        if keys is not None:
            made.append(keys)
        if self._config.redis is not None:
            args = RedisArgs(
                account=self._account,
                foundation=self._foundation,
                section=self._config.redis,
                callers=[self.security_groups.api],
            )
            made.append(Redis("redis", args).parameter)
        return made

    def api(
        self,
        waits_for: Sequence[pulumi.Resource],
        routes: Mapping[str, str] | None = None,
        routes_in: Mapping[str, str] | None = None,
    ) -> ApiService:
        """The api in its newest version, with the stable one's task definition kept; each with its routes, as text or in a parameter."""
        config, account = self._config, self._account
        secrets = {"TRIMARAN_API_KEYS": account.parameter(KEYS_PARAMETER)}
        if config.redis is not None:
            secrets["TRIMARAN_REDIS_URL"] = account.parameter(REDIS_PARAMETER)
        return ApiService(
            "api",
            ApiServiceArgs(
                account=account,
                cluster=self.cluster.name,
                section=config.api,
                rollout=config.rollout,
                versions=self._versions,
                routes=routes or {},
                routes_in=routes_in or {},
                collector=config.collector or "",
                secrets=secrets,
                edge=self.edge,
                group=self.security_groups.api,
                subnets=self._foundation.network.private_subnets,
                execution_role=self.roles.execution,
                task_role=self.roles.api,
                traffic_role=self.roles.traffic,
                alarms=self.alarms.rolls_back,
                waits_for=[*waits_for, *self.cluster.logs, self.edge],
            ),
        )

    def outputs(self) -> Outputs:
        """What every stack exports."""
        config, account, versions = self._config, self._account, self._versions
        return Outputs(
            target=config.target,
            environment=config.environment,
            region=account.region,
            url=self.edge.url,
            test_url=self.edge.test_url,
            image=versions.newest.image,
            models=(routes.MODEL,),
            revision=versions.newest.revision,
            stable_revision=versions.stable.revision,
            auth="none",
            metrics=Reference(kind="cloudwatch", ref={"region": account.region, "namespace": namespace(account)}),
            traffic=Reference(
                kind="ecs",
                ref={"region": account.region, "cluster": self.cluster.name, "service": "api"},
            ),
            api_key_ref=f"ssm:{account.parameter(KEYS_PARAMETER)}",
        )


def _certificate(config: ApiConfig, foundation: Foundation) -> pulumi.Input[str] | None:
    """The certificate that config names, else, with a domain, the foundation's; None is plain HTTP inside the network."""
    if config.ingress.certificate:
        return config.ingress.certificate
    if config.domain is None:
        return None

    def there(certificate: str) -> str:
        if not certificate:
            raise ConfigError(
                "trimaran:domain is set, but the foundation has no certificate for it.",
                f"./trimaran pulumi config set --path trimaran:ingress.certificate <ARN> --stack {config.stack}",
            )
        return certificate

    return pulumi.Output.from_input(foundation.certificate).apply(there)
