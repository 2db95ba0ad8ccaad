"""When there are how many engines: woken by what waits in the api, kept by what runs, gone when nothing does."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from stacks.aws.account import Account
from stacks.aws.components.collector import QUEUED, RUNNING, namespace
from stacks.aws.config import Schedule
from stacks.config import Scaling
from stacks.naming import name

_PERIOD_S = 60
# Of what a replica may have at a time: above it another one is started before requests wait.
_BUSY_SHARE = 0.8


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineScalingArgs:
    """`service` is the ECS service's name; `engine` labels the api's metrics that speak of it."""

    account: Account
    cluster: str
    service: str
    engine: str
    scaling: Scaling
    schedule: Schedule | None


class EngineScaling(pulumi.ComponentResource):
    """A scalable target, a policy for each direction, and a schedule where there is one."""

    def __init__(self, resource_name: str, args: EngineScalingArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("trimaran:aws:EngineScaling", resource_name, {}, opts)
        self._args = args
        self._child = pulumi.ResourceOptions(parent=self)
        self._target = aws.appautoscaling.Target(
            args.service,
            service_namespace="ecs",
            scalable_dimension="ecs:service:DesiredCount",
            resource_id=f"service/{args.cluster}/{args.service}",
            min_capacity=args.scaling.min,
            max_capacity=args.scaling.max,
            # A schedule sets both bounds, at night to zero.
            opts=pulumi.ResourceOptions(
                parent=self, ignore_changes=["min_capacity", "max_capacity"] if args.schedule else []
            ),
        )
        self._wake()
        self._follow()
        self._sleep()
        if args.schedule:
            self._scheduled("sleep", args.schedule.sleep, 0, 0, args.schedule.timezone)
            self._scheduled("wake", args.schedule.wake, args.scaling.min, args.scaling.max, args.schedule.timezone)
        self.register_outputs({})

    def _wake(self) -> None:
        """One more while something waits, two while more waits than one replica takes. Works from zero."""
        concurrency = self._args.scaling.concurrency
        steps = [
            {
                "metric_interval_lower_bound": "0",
                "metric_interval_upper_bound": str(concurrency),
                "scaling_adjustment": 1,
            },
            {"metric_interval_lower_bound": str(concurrency), "scaling_adjustment": 2},
        ]
        policy = self._stepping("wake", "ChangeInCapacity", steps, cooldown_s=180)
        self._alarm(
            "wake",
            "Requests wait for the engine.",
            policy,
            metric_name=QUEUED,
            namespace=namespace(self._args.account),
            dimensions=self._of_api(),
            statistic="Maximum",
            period=_PERIOD_S,
            evaluation_periods=1,
            threshold=1,
            comparison_operator="GreaterThanOrEqualToThreshold",
            treat_missing_data="notBreaching",
        )

    def _follow(self) -> None:
        """As many as keep each below its share. Silent at zero, where the engine itself reports nothing."""
        aws.appautoscaling.Policy(
            f"{self._args.service}-follow",
            name=self._named("follow"),
            policy_type="TargetTrackingScaling",
            target_tracking_scaling_policy_configuration={
                "target_value": self._args.scaling.concurrency * _BUSY_SHARE,
                "scale_out_cooldown": 180,
                "scale_in_cooldown": self._args.scaling.idle_timeout_s,
                "customized_metric_specification": {
                    "namespace": namespace(self._args.account),
                    "metric_name": RUNNING,
                    "statistic": "Average",
                    "dimensions": [
                        {"name": "role", "value": "engine"},
                        {"name": "engine", "value": self._args.engine},
                    ],
                },
            },
            **self._of_target(),
            opts=self._child,
        )

    def _sleep(self) -> None:
        """Back to the smallest number when nothing ran or waited for the idle time; silence of the api is no proof of that."""
        steps = [{"metric_interval_upper_bound": "0", "scaling_adjustment": self._args.scaling.min}]
        policy = self._stepping("sleep", "ExactCapacity", steps, cooldown_s=60)
        self._alarm(
            "sleep",
            "Nothing runs or waits.",
            policy,
            metric_queries=[
                {"id": "all", "expression": "queued + running", "label": "queued and running", "return_data": True},
                self._query("queued", QUEUED),
                self._query("running", RUNNING),
            ],
            evaluation_periods=max(1, math.ceil(self._args.scaling.idle_timeout_s / _PERIOD_S)),
            threshold=0,
            comparison_operator="LessThanOrEqualToThreshold",
            treat_missing_data="notBreaching",
        )

    def _query(self, label: str, metric: str) -> dict[str, Any]:
        measured = {
            "namespace": namespace(self._args.account),
            "metric_name": metric,
            "dimensions": self._of_api(),
            "stat": "Maximum",
            "period": _PERIOD_S,
        }
        return {"id": label, "metric": measured, "return_data": False}

    def _of_api(self) -> dict[str, str]:
        return {"role": "api", "engine": self._args.engine}

    def _stepping(
        self, label: str, kind: str, steps: list[dict[str, Any]], *, cooldown_s: int
    ) -> aws.appautoscaling.Policy:
        return aws.appautoscaling.Policy(
            f"{self._args.service}-{label}",
            name=self._named(label),
            policy_type="StepScaling",
            step_scaling_policy_configuration={
                "adjustment_type": kind,
                "metric_aggregation_type": "Maximum",
                "cooldown": cooldown_s,
                "step_adjustments": steps,
            },
            **self._of_target(),
            opts=self._child,
        )

    def _alarm(self, label: str, description: str, policy: aws.appautoscaling.Policy, **measure: Any) -> None:
        aws.cloudwatch.MetricAlarm(
            f"{self._args.service}-{label}",
            name=self._named(label),
            alarm_description=description,
            alarm_actions=[policy.arn],
            opts=self._child,
            **measure,
        )

    def _scheduled(self, label: str, cron: str, low: int, high: int, timezone: str) -> None:
        aws.appautoscaling.ScheduledAction(
            f"{self._args.service}-{label}",
            name=self._named(f"schedule-{label}"),
            schedule=cron,
            timezone=timezone,
            scalable_target_action={"min_capacity": low, "max_capacity": high},
            **self._of_target(),
            opts=self._child,
        )

    def _of_target(self) -> dict[str, pulumi.Output[str]]:
        target = self._target
        return {
            "service_namespace": target.service_namespace,
            "scalable_dimension": target.scalable_dimension,
            "resource_id": target.resource_id,
        }

    def _named(self, label: str) -> str:
        return name("aws.alarm", self._args.account.stack, self._args.service, label)
