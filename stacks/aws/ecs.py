"""The target `aws-ecs`: the app twice, `api` on Fargate and `engine` on GPU instances, behind one load balancer."""

from __future__ import annotations

from pathlib import Path

import pulumi

from stacks.aws import routes
from stacks.aws.account import Account, account_of
from stacks.aws.components.alarms import Alarms, AlarmsArgs
from stacks.aws.components.api_service import ApiService, ApiServiceArgs
from stacks.aws.components.budget import Budget, BudgetArgs
from stacks.aws.components.cluster import Cluster, ClusterArgs
from stacks.aws.components.collector import namespace
from stacks.aws.components.edge import Edge, EdgeArgs
from stacks.aws.components.engine_service import EngineService, EngineServiceArgs
from stacks.aws.components.gpu_capacity import GpuCapacity, GpuCapacityArgs
from stacks.aws.components.redis import PARAMETER as REDIS_PARAMETER
from stacks.aws.components.redis import Redis, RedisArgs
from stacks.aws.components.roles import Roles, RolesArgs
from stacks.aws.components.security_groups import SecurityGroups, SecurityGroupsArgs
from stacks.aws.config import EcsConfig
from stacks.aws.foundation_parts import Foundation, foundation_of
from stacks.aws.keys import KEYS_PARAMETER, keys_of
from stacks.aws.refusals import refuse_missing, refuse_placeholders, refuse_unknown_retention, refuse_unsafe_ingress
from stacks.aws.sizing import Sizing, sizing_of
from stacks.aws.tagging import tag_everything, tags_of
from stacks.aws.versions import Versions, versions_of
from stacks.config import ConfigError
from stacks.outputs import Outputs, Reference


def deploy(config: EcsConfig, root: Path) -> Outputs:
    """Declare both services and what they need. Raises ConfigError."""
    for refuse in (refuse_missing, refuse_placeholders, refuse_unsafe_ingress, refuse_unknown_retention):
        refuse(config)
    versions = versions_of(config)
    sizings = {engine: sizing_of(config, version) for engine, version in versions.engines.items()}
    account = account_of(config)
    tag_everything(tags_of(config))
    foundation = foundation_of(config)
    stack = _Stack(config, account, foundation, versions)
    waits_for = [*stack.roles.ready, *stack.alarms.made, *stack.parameters()]
    engines = [stack.engine(engine, sizing, waits_for) for engine, sizing in sizings.items()]
    stack.api([*waits_for, *engines])
    return stack.outputs()


class _Stack:
    """The parts that both services share, made once."""

    def __init__(self, config: EcsConfig, account: Account, foundation: Foundation, versions: Versions) -> None:
        self._config, self._account, self._foundation, self._versions = config, account, foundation, versions
        self._capacity: GpuCapacity | None = None
        self.cluster = Cluster(
            "cluster",
            ClusterArgs(
                account=account, vpc=foundation.network.vpc, key=foundation.key, retention_days=config.retention_days
            ),
        )
        self.edge = Edge("edge", self._edge())
        self.security_groups = SecurityGroups(
            "doors",  # deployed stacks know the component by this name
            SecurityGroupsArgs(
                vpc=foundation.network.vpc,
                vpc_cidr=foundation.network.cidr,
                edge=self.edge.group.id,
                redis=config.redis is not None,
            ),
        )
        self.roles = Roles(
            "roles",
            RolesArgs(
                account=account,
                images=_images(config, versions),
                fallbacks=[each.model for each in config.fallbacks],
                bucket=foundation.bucket,
                key=foundation.key,
            ),
        )
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

    def _gpu(self, sizing: Sizing) -> GpuCapacity:
        """One capacity for all engines."""
        if self._capacity is None:
            config = self._config
            self._capacity = GpuCapacity(
                "gpu",
                GpuCapacityArgs(
                    account=self._account,
                    cluster=self.cluster.name,
                    sizing=sizing,
                    capacity=config.capacity,
                    spot=config.gpu.spot,
                    subnets=self._foundation.network.private_subnets,
                    group=self.security_groups.instances,
                    key=self._foundation.key,
                    idle_s=config.scaling.idle_timeout_s,
                    tags=tags_of(config),
                ),
                opts=pulumi.ResourceOptions(depends_on=[self.cluster]),
            )
        return self._capacity

    def engine(self, engine: str, sizing: Sizing, waits_for: list[pulumi.Resource]) -> EngineService:
        """The engine that one or both versions use."""
        config, capacity = self._config, self._gpu(sizing)
        version = self._versions.engines[engine]
        return EngineService(
            f"engine-{engine}",
            EngineServiceArgs(
                account=self._account,
                cluster=self.cluster.name,
                namespace=self.cluster.namespace,
                host=routes.host(engine, self.cluster.domain),
                kind=config.engine.kind,
                version=version,
                routes=routes.of_engine(version, config),
                collector=config.collector or "",
                sizing=sizing,
                scaling=config.scaling,
                schedule=config.schedule,
                capacity=config.capacity.kind,
                provider=capacity.provider,
                bucket=self._foundation.bucket,
                group=self.security_groups.engine,
                subnets=self._foundation.network.private_subnets,
                execution_role=self.roles.execution,
                task_role=self.roles.engine,
                alarms=self.alarms.rolls_back,
                waits_for=[*waits_for, *capacity.ready, *self.cluster.logs],
            ),
        )

    def api(self, waits_for: list[pulumi.Resource]) -> ApiService:
        """The api in its newest version, with the stable one's task definition kept."""
        config, account = self._config, self._account
        secrets = {"TRIMARAN_API_KEYS": account.parameter(KEYS_PARAMETER)}
        if config.redis is not None:
            secrets["TRIMARAN_REDIS_URL"] = account.parameter(REDIS_PARAMETER)
        versions = {each.revision: each for each in (self._versions.stable, self._versions.newest)}
        return ApiService(
            "api",
            ApiServiceArgs(
                account=account,
                cluster=self.cluster.name,
                section=config.api,
                rollout=config.rollout,
                versions=self._versions,
                routes={
                    revision: routes.of_api(version, config, self.cluster.domain, account.region)
                    for revision, version in versions.items()
                },
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


def _images(config: EcsConfig, versions: Versions) -> list[str]:
    stable, newest = versions.stable, versions.newest
    return [stable.image, stable.engine_image, newest.image, newest.engine_image, config.collector or ""]


def _certificate(config: EcsConfig, foundation: Foundation) -> pulumi.Input[str] | None:
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
