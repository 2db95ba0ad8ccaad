"""The target `aws-ecs`: the app twice, `api` on Fargate and `engine` on GPU instances, behind one load balancer."""

from __future__ import annotations

from pathlib import Path

import pulumi

from stacks.aws import routes
from stacks.aws.account import Account, account_of
from stacks.aws.api_stack import ApiStack
from stacks.aws.components.cluster import EngineCluster
from stacks.aws.components.engine_service import EngineService, EngineServiceArgs
from stacks.aws.components.gpu_capacity import GpuCapacity, GpuCapacityArgs
from stacks.aws.components.roles import EngineRoles, RolesArgs
from stacks.aws.components.security_groups import EngineSecurityGroups
from stacks.aws.config import EcsConfig
from stacks.aws.foundation_parts import Foundation, foundation_of
from stacks.aws.managed_models import ManagedModel, calling_directly, fallbacks_of, models_of
from stacks.aws.refusals import (
    refuse_missing,
    refuse_no_model,
    refuse_placeholders,
    refuse_unknown_retention,
    refuse_unsafe_ingress,
)
from stacks.aws.sizing import Sizing, sizing_of
from stacks.aws.tagging import tag_everything, tags_of
from stacks.aws.versions import EngineVersion, Versions, versions_of
from stacks.outputs import Outputs


def deploy(config: EcsConfig, root: Path) -> Outputs:
    """Declare both services and what they need. Raises ConfigError."""
    for refuse in (refuse_missing, refuse_placeholders, refuse_unsafe_ingress, refuse_unknown_retention):
        refuse(config)
    refuse_no_model(config)
    versions = versions_of(config)
    sizings = {engine: sizing_of(config, version) for engine, version in versions.engines.items()}
    account = account_of(config)
    models = models_of(config, fallbacks_of(config))
    tag_everything(tags_of(config))
    foundation = foundation_of(config)
    stack = _EcsStack(config, account, foundation, versions, list(models.values()))
    waits_for = [*stack.roles.ready, *stack.alarms.made, *stack.parameters()]
    engines = [stack.engine(engine, sizing, waits_for) for engine, sizing in sizings.items()]
    stack.api([*waits_for, *engines], routes=stack.routes())
    return stack.outputs()


class _EcsStack(ApiStack):
    """The parts that both services share, made once."""

    cluster: EngineCluster
    security_groups: EngineSecurityGroups
    roles: EngineRoles

    def __init__(
        self,
        config: EcsConfig,
        account: Account,
        foundation: Foundation,
        versions: Versions[EngineVersion],
        fallbacks: list[ManagedModel],
    ) -> None:
        super().__init__(config, account, foundation, versions)
        self._ecs = config
        self._capacity: GpuCapacity | None = None
        self.cluster = EngineCluster("cluster", self.cluster_args())
        # Deployed stacks know the component by this name.
        self.security_groups = EngineSecurityGroups("doors", self.security_groups_args())
        self.roles = EngineRoles(
            "roles",
            RolesArgs(
                account=account,
                images=_images(config, versions),
                services=("api", "engine"),
                calling=calling_directly(account, fallbacks),
                key=foundation.key,
            ),
            foundation.bucket,
        )

    def routes(self) -> dict[str, str]:
        """Revision -> the routes of its api."""
        return {
            each.revision: routes.of_api(each, self._ecs, self.cluster.domain, self._account.region)
            for each in self._versions.each
        }

    def _gpu(self, sizing: Sizing) -> GpuCapacity:
        """One capacity for all engines."""
        if self._capacity is None:
            config = self._ecs
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
        config, capacity = self._ecs, self._gpu(sizing)
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


def _images(config: EcsConfig, versions: Versions[EngineVersion]) -> list[str]:
    stable, newest = versions.stable, versions.newest
    return [stable.image, stable.engine_image, newest.image, newest.engine_image, config.collector or ""]
