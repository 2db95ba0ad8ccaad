"""CloudWatch: alarms by the metric they watch, metrics made from logs, dashboards, and notifications they send."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from cost.amounts import Amount, State, exactly
from cost.inputs import amount_of
from cost.quantity import Billed, Quantity
from cost.usage import Usage
from plan.inputs import Inputs
from plan.scope import Scope

ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"
SCALING_POLICY = "aws:appautoscaling/policy:Policy"
_STANDARD_PERIOD_S = 60
# Target tracking makes one alarm to scale out and one to scale in (docs.aws.amazon.com/autoscaling/application).
_TRACKING_ALARMS = 2


def alarm(resource: Inputs, scope: Scope, usage: Usage) -> Iterator[Quantity]:
    """Each metric that an alarm reads is billed; one with a period below a minute costs more."""
    queries = resource.each("metricQueries")
    watched = [each for each in queries if each.has("metric")]
    periods = [amount_of(each, "metric.period", _STANDARD_PERIOD_S) for each in watched]
    if not queries:
        periods = [amount_of(resource, "period", _STANDARD_PERIOD_S)]
    quick = any(each.expected is not None and each.expected < _STANDARD_PERIOD_S for each in periods)
    open_ = next((each for each in periods if each.state is State.UNKNOWN), None)
    count = exactly(max(len(periods), 1)) if quick or open_ is None else open_
    yield _alarms(count, "alarm-high-resolution" if quick else "alarm")


def scaling_policy(resource: Inputs, scope: Scope, usage: Usage) -> Iterator[Quantity]:
    """Target tracking watches through alarms of its own; other policies are started by alarms that are counted apart."""
    if resource.has("targetTrackingScalingPolicyConfiguration"):
        yield _alarms(exactly(_TRACKING_ALARMS), "alarm")


def metric_filter(resource: Inputs, scope: Scope, usage: Usage) -> Iterator[Quantity]:
    """A filter is free; the metric it writes is a custom one."""
    yield Quantity(
        key="metrics-from-logs",
        item="metrics from logs",
        skus=("aws:cloudwatch:metric",),
        unit="metric-month",
        amount=exactly(1),
    )


def dashboard(resource: Inputs, scope: Scope, usage: Usage) -> Iterator[Quantity]:
    """A dashboard by the month."""
    yield Quantity(
        key="dashboard", item="dashboard", skus=("aws:cloudwatch:dashboard",), unit="dashboard-month", amount=exactly(1)
    )


def topic(resource: Inputs, scope: Scope, usage: Usage) -> Iterator[Quantity]:
    """Notifications that are sent."""
    peers = len(scope.of(resource.type))
    amount = usage.share("notifications", resource.name, peers) / 1_000_000
    yield Quantity(
        key="notifications", item="notifications", skus=("aws:sns:requests",), unit="million requests", amount=amount
    )


BILLED: Mapping[str, Billed] = {
    ALARM: Billed(
        handler=alarm,
        reads={ALARM: ("metricQueries", "metricQueries[].metric", "metricQueries[].metric.period", "period")},
    ),
    SCALING_POLICY: Billed(
        handler=scaling_policy, reads={SCALING_POLICY: ("targetTrackingScalingPolicyConfiguration",)}
    ),
    "aws:cloudwatch/logMetricFilter:LogMetricFilter": Billed(handler=metric_filter),
    "aws:cloudwatch/dashboard:Dashboard": Billed(handler=dashboard),
    "aws:sns/topic:Topic": Billed(handler=topic, usage_keys=("notifications",)),
}


def _alarms(count: Amount, kind: str) -> Quantity:
    return Quantity(
        key="alarms", item="alarms", skus=(f"aws:cloudwatch:{kind}",), unit="alarm-metric-month", amount=count
    )
