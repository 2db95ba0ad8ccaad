"""Load balancers: their hours, the capacity units that traffic uses, their public addresses, data to the internet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal

from cost.amounts import DAYS_PER_MONTH, HOURS_PER_MONTH, Amount, exactly
from cost.inputs import count_of
from cost.quantity import Billed, Quantity
from cost.replicas import always
from cost.usage import Usage
from plan.inputs import Inputs
from plan.scope import Scope

BALANCER = "aws:lb/loadBalancer:LoadBalancer"
# What one capacity unit carries (aws.amazon.com/elasticloadbalancing/pricing).
_NEW_CONNECTIONS_PER_S = 25
_OPEN_CONNECTIONS = 3000
_GB_PER_HOUR = 1
_KB_PER_GB = 1_000_000
_SECONDS_PER_DAY = 86_400
DEFAULT_RESPONSE_KB = Decimal(30)
DEFAULT_SECONDS = Decimal(20)


def load_balancer(resource: Inputs, scope: Scope, usage: Usage) -> Iterator[Quantity]:
    """An application or network load balancer."""
    network = resource.text("loadBalancerType", "application") == "network"
    kind, unit = ("nlb", "NLCU-hour") if network else ("alb", "LCU-hour")
    yield Quantity(
        key="load-balancer", item="load balancer", skus=(f"aws:elb:{kind}",), unit="LB-hour", amount=always(exactly(1))
    )
    yield Quantity(
        key="load-balancer-units",
        item="load balancer units",
        skus=(f"aws:elb:{kind}-lcu",),
        unit=unit,
        amount=_capacity_units(resource, len(scope.of(BALANCER)), usage),
        note=_assumption(resource, usage),
    )
    if not resource.flag("internal"):
        zones = count_of(resource, "subnets")
        mapped = count_of(resource, "subnetMappings")
        yield Quantity(
            key="load-balancer-public-ipv4",
            item="load balancer's public IPv4",
            skus=("aws:vpc:public-ipv4",),
            unit="address-hour",
            amount=always(mapped if zones.is_nothing else zones),
        )
        yield Quantity(
            key="data-to-the-internet",
            item="data to the internet",
            skus=("aws:transfer:internet",),
            unit="GB",
            amount=_internet_gb(resource, sum(not each.flag("internal") for each in scope.of(BALANCER)), usage),
        )


BILLED: Mapping[str, Billed] = {
    BALANCER: Billed(
        handler=load_balancer,
        reads={BALANCER: ("internal", "loadBalancerType", "subnetMappings", "subnets")},
        usage_keys=("alb_lcus", "internet_gb", "requests_per_day", "response_kb", "seconds_per_request"),
    ),
}


def _capacity_units(resource: Inputs, peers: int, usage: Usage) -> Amount:
    """Unit-hours a month: said, or from the requests by whatever of connections and data needs most; one balancer's part."""
    if usage.says("alb_lcus", resource.name) or not usage.says("requests_per_day", resource.name):
        return usage.share("alb_lcus", resource.name, peers) * HOURS_PER_MONTH
    per_second = usage.share("requests_per_day", resource.name, peers) / _SECONDS_PER_DAY
    opened = per_second / _NEW_CONNECTIONS_PER_S
    open_at_once = per_second * usage.amount("seconds_per_request", default=DEFAULT_SECONDS) / _OPEN_CONNECTIONS
    gb_per_hour = per_second * 3600 * usage.amount("response_kb", default=DEFAULT_RESPONSE_KB) / _KB_PER_GB
    return opened.or_more(open_at_once).or_more(gb_per_hour / _GB_PER_HOUR) * HOURS_PER_MONTH


def _internet_gb(resource: Inputs, peers: int, usage: Usage) -> Amount:
    """What one of the public balancers sends."""
    if usage.says("internet_gb", resource.name) or not usage.says("requests_per_day", resource.name):
        return usage.share("internet_gb", resource.name, peers)
    response_kb = usage.amount("response_kb", default=DEFAULT_RESPONSE_KB)
    return usage.share("requests_per_day", resource.name, peers) * DAYS_PER_MONTH * response_kb / _KB_PER_GB


def _assumption(resource: Inputs, usage: Usage) -> str:
    if usage.says("alb_lcus", resource.name) or not usage.says("requests_per_day", resource.name):
        return ""
    size = usage.amount("response_kb", default=DEFAULT_RESPONSE_KB).expected
    seconds = usage.amount("seconds_per_request", default=DEFAULT_SECONDS).expected
    return f"an answer is {size} kB and takes {seconds} s; requests come evenly over the day"
