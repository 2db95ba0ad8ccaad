"""CloudWatch: alarms by the metric they watch, metrics made from logs, dashboards, and notifications they send."""

from __future__ import annotations

from collections.abc import Iterator

from cost.amounts import Amount, exactly
from cost.preview import Resource, Side
from cost.quantity import Handler, Quantity
from cost.usage import Usage

_STANDARD_PERIOD_S = 60
# Target tracking makes one alarm to scale out and one to scale in (docs.aws.amazon.com/autoscaling/application).
_TRACKING_ALARMS = 2


def alarm(resource: Resource, side: Side, usage: Usage) -> Iterator[Quantity]:
    """Each metric that an alarm reads is billed; one with a period below a minute costs more."""
    queries = resource.inputs.each("metricQueries")
    watched = [each for each in queries if each.has("metric")]
    periods = [each.amount("metric.period", _STANDARD_PERIOD_S) for each in watched]
    if not queries:
        periods = [resource.inputs.amount("period", _STANDARD_PERIOD_S)]
    quick = any(each.expected is not None and each.expected < _STANDARD_PERIOD_S for each in periods)
    yield _alarms(exactly(max(len(periods), 1)), "alarm-high-resolution" if quick else "alarm")


def scaling_policy(resource: Resource, side: Side, usage: Usage) -> Iterator[Quantity]:
    """Target tracking watches through alarms of its own; other policies are started by alarms that are counted apart."""
    if resource.inputs.has("targetTrackingScalingPolicyConfiguration"):
        yield _alarms(exactly(_TRACKING_ALARMS), "alarm")


def metric_filter(resource: Resource, side: Side, usage: Usage) -> Iterator[Quantity]:
    """A filter is free; the metric it writes is a custom one."""
    yield Quantity(item="metrics from logs", skus=("aws:cloudwatch:metric",), unit="metric-month", amount=exactly(1))


def dashboard(resource: Resource, side: Side, usage: Usage) -> Iterator[Quantity]:
    """A dashboard by the month."""
    yield Quantity(item="dashboard", skus=("aws:cloudwatch:dashboard",), unit="dashboard-month", amount=exactly(1))


def topic(resource: Resource, side: Side, usage: Usage) -> Iterator[Quantity]:
    """Notifications that are sent."""
    peers = sum(each.type == resource.type for each in side.resources.values())
    amount = usage.share("notifications", resource.name, peers) / 1_000_000
    yield Quantity(item="notifications", skus=("aws:sns:requests",), unit="million requests", amount=amount)


TYPES: dict[str, Handler] = {
    "aws:cloudwatch/metricAlarm:MetricAlarm": alarm,
    "aws:appautoscaling/policy:Policy": scaling_policy,
    "aws:cloudwatch/logMetricFilter:LogMetricFilter": metric_filter,
    "aws:cloudwatch/dashboard:Dashboard": dashboard,
    "aws:sns/topic:Topic": topic,
}


def _alarms(count: Amount, kind: str) -> Quantity:
    return Quantity(item="alarms", skus=(f"aws:cloudwatch:{kind}",), unit="alarm-metric-month", amount=count)
