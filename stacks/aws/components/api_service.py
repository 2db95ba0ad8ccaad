"""The service `api`: the app on CPU, always on, which routes, waits for engines and falls back to managed models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pulumi
import pulumi_aws as aws

from stacks.aws.account import Account
from stacks.aws.components import deployment
from stacks.aws.components.containers import APP, ROUTES, App, containers
from stacks.aws.components.edge import Edge
from stacks.aws.config import EcsRollout
from stacks.aws.routes import APP_PORT
from stacks.aws.versions import Version, Versions
from stacks.config import Api
from stacks.naming import name

# Fargate ends a task 120 s after SIGTERM at the latest.
_DRAIN_S = 110
_CPU_TARGET_PERCENT = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiServiceArgs:
    """`routes`: revision -> routes file. `secrets`: variable -> name of a parameter. `waits_for` must be there first.

    `routes_in`: revision -> name of the parameter that holds its routes, where these name what is not known before it is made.
    """

    account: Account
    cluster: str
    section: Api
    rollout: EcsRollout
    versions: Versions[Version]
    collector: str
    secrets: Mapping[str, str]
    edge: Edge
    group: pulumi.Input[str]
    subnets: pulumi.Input[Sequence[pulumi.Input[str]]]
    execution_role: pulumi.Input[str]
    task_role: pulumi.Input[str]
    traffic_role: pulumi.Input[str]
    alarms: Sequence[str]
    waits_for: Sequence[pulumi.Resource]
    routes: Mapping[str, str] = field(default_factory=dict)
    routes_in: Mapping[str, str] = field(default_factory=dict)


class ApiService(pulumi.ComponentResource):
    """A task definition for each version, the service, and its scaling on CPU."""

    def __init__(self, resource_name: str, args: ApiServiceArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("trimaran:aws:ApiService", resource_name, {}, opts)
        self._args = args
        self._child = pulumi.ResourceOptions(parent=self)
        self.name = "api"
        # Blue's stays while green is tried: a rollback needs it.
        tasks = {each.revision: self._task(each) for each in args.versions.each}
        self.service = self._service(tasks[args.versions.newest.revision])
        self._scaling()
        self.register_outputs({"service": self.service.id})

    def _task(self, version: Version) -> aws.ecs.TaskDefinition:
        args, revision = self._args, version.revision
        routes_in = {ROUTES: args.routes_in[revision]} if revision in args.routes_in else {}
        app = App(
            role="api",
            image=version.image,
            revision=revision,
            engine=version.engine,
            routes=args.routes.get(revision, ""),
            drain_s=_DRAIN_S,
            start_period_s=60,
            environment={"TRIMARAN_ENGINE": "none"},
            secrets={**args.secrets, **routes_in},
        )
        return aws.ecs.TaskDefinition(
            f"api-{revision}",
            family=name("aws.ecs_task_family", args.account.stack, "api"),
            requires_compatibilities=["FARGATE"],
            network_mode="awsvpc",
            cpu=str(int(args.section.cpu * 1024)),
            memory=str(int(args.section.memory_gib * 1024)),
            runtime_platform={"cpu_architecture": "X86_64", "operating_system_family": "LINUX"},
            execution_role_arn=args.execution_role,
            task_role_arn=args.task_role,
            volumes=app.volumes,
            container_definitions=pulumi.Output.json_dumps(containers(args.account, app, args.collector)),
            opts=self._child,
        )

    def _service(self, task: aws.ecs.TaskDefinition) -> aws.ecs.Service:
        args = self._args
        promoting = args.versions.candidate is not None
        minutes = f"{deployment.longest_minutes(args.rollout)}m"
        return aws.ecs.Service(
            "api",
            name=self.name,
            cluster=args.cluster,
            task_definition=task.arn,
            launch_type="FARGATE",
            desired_count=args.section.min,
            network_configuration={
                "subnets": args.subnets,
                "security_groups": [args.group],
                "assign_public_ip": False,
            },
            load_balancers=[self._balancer()],
            health_check_grace_period_seconds=120,
            deployment_configuration=deployment.configuration(args.rollout, promoting=promoting),
            deployment_circuit_breaker={"enable": True, "rollback": True},
            deployment_minimum_healthy_percent=100,
            deployment_maximum_percent=200,
            alarms={"alarm_names": list(args.alarms), "enable": True, "rollback": True},
            availability_zone_rebalancing="ENABLED",
            enable_ecs_managed_tags=True,
            propagate_tags="SERVICE",
            # A promotion waits at its gate for somebody who is let in only after `up` has ended.
            wait_for_steady_state=not promoting,
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=list(args.waits_for),
                ignore_changes=["desired_count"],
                custom_timeouts=pulumi.CustomTimeouts(create=minutes, update=minutes, delete="30m"),
            ),
        )

    def _balancer(self) -> dict[str, Any]:
        edge = self._args.edge
        target = {"target_group_arn": edge.blue.arn, "container_name": APP, "container_port": APP_PORT}
        if edge.green is None or edge.test is None:
            return target
        advanced = {
            "alternate_target_group_arn": edge.green.arn,
            "production_listener_rule": edge.production.arn,
            "test_listener_rule": edge.test.arn,
            "role_arn": self._args.traffic_role,
        }
        return {**target, "advanced_configuration": advanced}

    def _scaling(self) -> None:
        args = self._args
        target = aws.appautoscaling.Target(
            "api",
            service_namespace="ecs",
            scalable_dimension="ecs:service:DesiredCount",
            resource_id=f"service/{args.cluster}/{self.name}",
            min_capacity=args.section.min,
            max_capacity=args.section.max,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[self.service]),
        )
        aws.appautoscaling.Policy(
            "api-cpu",
            name=name("aws.alarm", args.account.stack, "api-cpu"),
            policy_type="TargetTrackingScaling",
            service_namespace=target.service_namespace,
            scalable_dimension=target.scalable_dimension,
            resource_id=target.resource_id,
            target_tracking_scaling_policy_configuration={
                "target_value": _CPU_TARGET_PERCENT,
                "scale_out_cooldown": 60,
                "scale_in_cooldown": 300,
                "predefined_metric_specification": {"predefined_metric_type": "ECSServiceAverageCPUUtilization"},
            },
            opts=self._child,
        )
