"""The service of one engine: the app on GPU, supervising its model server, from none to many."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from stacks.aws.account import Account
from stacks.aws.components.containers import App, containers
from stacks.aws.components.engine_scaling import EngineScaling, EngineScalingArgs
from stacks.aws.config import CapacityKind, Schedule
from stacks.aws.sizing import Sizing
from stacks.aws.versions import EngineVersion
from stacks.config import EngineKind, Scaling
from stacks.naming import name

_DRAIN_S = 290
# An instance, a large image and the weights come before a task counts as started.
_START_MINUTES = 60
_DNS_TTL_S = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineServiceArgs:
    """`host` is the name by which the api calls the engine, `provider` the capacity provider's. `bucket` holds the weights."""

    account: Account
    cluster: str
    namespace: pulumi.Input[str]
    host: str
    kind: EngineKind
    version: EngineVersion
    routes: str
    collector: str
    sizing: Sizing
    scaling: Scaling
    schedule: Schedule | None
    capacity: CapacityKind
    provider: pulumi.Input[str]
    bucket: pulumi.Input[str]
    group: pulumi.Input[str]
    subnets: pulumi.Input[Sequence[pulumi.Input[str]]]
    execution_role: pulumi.Input[str]
    task_role: pulumi.Input[str]
    alarms: Sequence[str]
    waits_for: Sequence[pulumi.Resource]


class EngineService(pulumi.ComponentResource):
    """Task definition, name in DNS, service, scaling. Another model is another engine beside this one."""

    def __init__(self, resource_name: str, args: EngineServiceArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("trimaran:aws:EngineService", resource_name, {}, opts)
        self._args = args
        self._child = pulumi.ResourceOptions(parent=self)
        self.name = f"engine-{args.version.engine}"
        service = self._service(self._task())
        EngineScaling(
            self.name,
            EngineScalingArgs(
                account=args.account,
                cluster=args.cluster,
                service=self.name,
                engine=args.version.engine,
                scaling=args.scaling,
                schedule=args.schedule,
            ),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[service]),
        )
        self.register_outputs({"service": service.id})

    def _task(self) -> aws.ecs.TaskDefinition:
        args = self._args
        managed = args.capacity is CapacityKind.MANAGED
        app = self._app()
        return aws.ecs.TaskDefinition(
            self.name,
            family=name("aws.ecs_task_family", args.account.stack, "engine"),
            requires_compatibilities=["MANAGED_INSTANCES" if managed else "EC2"],
            network_mode="awsvpc",
            # As numbers of the task itself: prices and Managed Instances read them there.
            memory=str(args.sizing.memory_mib + 256),
            cpu=str(1024 * max(1, min(each.vcpu for each in args.sizing.instances) - 1)),
            execution_role_arn=args.execution_role,
            task_role_arn=args.task_role,
            volumes=app.volumes,
            container_definitions=pulumi.Output.json_dumps(containers(args.account, app, args.collector)),
            opts=self._child,
        )

    def _app(self) -> App:
        args, version = self._args, self._args.version
        weights = pulumi.Output.concat("s3://", args.bucket, f"/models/{version.model}/{version.model_revision}/")
        return App(
            role="engine",
            image=version.engine_image,
            revision=version.engine,
            engine=version.engine,
            routes=args.routes,
            drain_s=_DRAIN_S,
            start_period_s=300,
            environment={
                "TRIMARAN_ENGINE": str(args.kind),
                "TRIMARAN_ENGINE_MODEL": version.model,
                "TRIMARAN_ENGINE_REVISION": version.model_revision,
                "TRIMARAN_ENGINE_WEIGHTS": weights,
                "TRIMARAN_ENGINE_ARGS": server_arguments(args),
                # For the weights' bucket: on EC2 nobody else says it.
                "AWS_REGION": args.account.region,
                # Nobody but the api reaches it: see the security group.
                "TRIMARAN_ALLOW_NO_KEYS": "1",
                # Without keys the app answers only to the names that it is told.
                "TRIMARAN_ALLOWED_HOSTS": args.host,
            },
            gpus=args.sizing.gpus_per_replica,
            memory_mib=args.sizing.memory_mib,
            shared_memory_mib=args.sizing.shared_memory_mib,
        )

    def _service(self, task: aws.ecs.TaskDefinition) -> aws.ecs.Service:
        args = self._args
        discovery = aws.servicediscovery.Service(
            self.name,
            name=self.name,
            # Addresses of the running tasks; none at zero, which the api takes as "wake it and wait".
            dns_config={
                "namespace_id": args.namespace,
                "routing_policy": "MULTIVALUE",
                "dns_records": [{"type": "A", "ttl": _DNS_TTL_S}],
            },
            force_destroy=True,
            opts=self._child,
        )
        minutes = f"{_START_MINUTES}m"
        return aws.ecs.Service(
            self.name,
            name=self.name,
            cluster=args.cluster,
            task_definition=task.arn,
            capacity_provider_strategies=[{"capacity_provider": args.provider, "weight": 1, "base": 0}],
            desired_count=args.scaling.min,
            network_configuration={"subnets": args.subnets, "security_groups": [args.group]},
            service_registries={"registry_arn": discovery.arn},
            # There are instances for twice as many: a new task does not wait for an old one's GPU.
            deployment_configuration={"strategy": "ROLLING"},
            deployment_minimum_healthy_percent=100,
            deployment_maximum_percent=200,
            deployment_circuit_breaker={"enable": True, "rollback": True},
            alarms={"alarm_names": list(args.alarms), "enable": True, "rollback": True},
            enable_ecs_managed_tags=True,
            propagate_tags="SERVICE",
            # At zero tasks there is nothing to wait for, and a GPU may take long: the api waits for it anyway.
            wait_for_steady_state=False,
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=list(args.waits_for),
                ignore_changes=["desired_count"],
                custom_timeouts=pulumi.CustomTimeouts(create=minutes, update=minutes, delete=minutes),
            ),
        )


def server_arguments(args: EngineServiceArgs) -> str:
    """What the model server is started with, beyond model and port, which the app knows."""
    match args.kind:
        case EngineKind.VLLM:
            options: dict[str, object] = {
                "--tensor-parallel-size": args.sizing.gpus_per_replica,
                "--max-model-len": args.version.context_tokens,
                "--max-num-seqs": args.scaling.concurrency,
                "--gpu-memory-utilization": "0.9",
            }
        case EngineKind.LITSERVE:
            options = {
                "--max-model-len": args.version.context_tokens,
                "--max-batch-size": args.scaling.concurrency,
            }
    return " ".join(f"{option} {value}" for option, value in options.items())
