"""Network and cost."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from plan.resource import Resource
from tests.policies.cases import Case
from tests.policies.plans import planned, the_stack, urn

BALANCER = "aws:lb/loadBalancer:LoadBalancer"
LISTENER = "aws:lb/listener:Listener"
LISTENER_RULE = "aws:lb/listenerRule:ListenerRule"
GROUP = "aws:ec2/securityGroup:SecurityGroup"
INGRESS = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
BUDGET = "aws:budgets/budget:Budget"
VOLUME = "aws:ebs/volume:Volume"
SERVICE = planned("aws:ecs/service:Service", "app", name="app")
TAGS = {"owner": "me", "app": "chat", "environment": "prod", "cost-center": "42"}


def listener(**changes: Any) -> Resource:
    """A listener that keeps every rule, with some inputs replaced."""
    inputs: dict[str, Any] = {
        "loadBalancerArn": "arn:aws:elasticloadbalancing:us-east-1:1:loadbalancer/app/edge/1",
        "port": 443,
        "protocol": "HTTPS",
        "sslPolicy": "ELBSecurityPolicy-TLS13-1-2-2021-06",
        "defaultActions": [{"type": "fixed-response", "fixedResponse": {"contentType": "text/plain"}}],
    }
    return planned(LISTENER, "web", {"loadBalancerArn": urn(BALANCER, "edge")}, **{**inputs, **changes})


def forwarding(**action: Any) -> Resource:
    """A rule of the listener `web` that does this with every request."""
    condition = {"pathPattern": {"values": ["/*"]}}
    links = {"listenerArn": urn(LISTENER, "web")}
    return planned(LISTENER_RULE, "all", links, listenerArn="arn", actions=[action], conditions=[condition])


def opened(**changes: Any) -> Resource:
    """A rule that lets a range in."""
    inputs: dict[str, Any] = {"securityGroupId": "sg-1", "ipProtocol": "tcp", "fromPort": 8000, "toPort": 8000}
    return planned(INGRESS, "in", **{**inputs, **changes})


def budget(limit: str, **changes: Any) -> Resource:
    """A monthly budget."""
    notification = {
        "comparisonOperator": "GREATER_THAN",
        "notificationType": "FORECASTED",
        "threshold": 100,
        "thresholdType": "PERCENTAGE",
    }
    inputs: dict[str, Any] = {"budgetType": "COST", "timeUnit": "MONTHLY", "limitUnit": "USD", "limitAmount": limit}
    return planned(BUDGET, "monthly", **{**inputs, "notifications": [notification], **changes})


def volume(size_gb: int) -> Resource:
    """A disk, which costs 0.08 USD a gigabyte and month."""
    return planned(VOLUME, "disk", size=size_gb, type="gp3", availabilityZone="us-east-1a", encrypted=True)


_REDIRECTING = listener(
    protocol="HTTP",
    defaultActions=[{"type": "redirect", "redirect": {"statusCode": "HTTP_301", "protocol": "HTTPS"}}],
)
CASES = (
    Case(
        rule="tls-only",
        good=(listener(), planned(BALANCER, "edge", internal=True)),
        bad=(listener(sslPolicy="ELBSecurityPolicy-2016-08"), planned(BALANCER, "edge", internal=True)),
        says="sslPolicy is ELBSecurityPolicy-2016-08",
    ),
    Case(
        rule="tls-only",
        good=(
            listener(
                protocol="HTTP",
                defaultActions=[{"type": "redirect", "redirect": {"statusCode": "HTTP_301", "protocol": "HTTPS"}}],
            ),
        ),
        bad=(listener(protocol="HTTP"), planned(BALANCER, "edge", internal=True)),
        says="protocol is HTTP and it does not only redirect",
    ),
    Case(
        rule="tls-only",
        environment="dev",
        good=(listener(protocol="HTTP"), planned(BALANCER, "edge", internal=True)),
        bad=(listener(protocol="HTTP"), planned(BALANCER, "edge", internal=False)),
        says="protocol is HTTP",
    ),
    Case(
        rule="tls-only",
        good=(_REDIRECTING, forwarding(type="redirect", redirect={"statusCode": "HTTP_301", "protocol": "HTTPS"})),
        bad=(_REDIRECTING, forwarding(type="forward", targetGroupArn="arn")),
        says="it does not only redirect to HTTPS, and the protocol of web is HTTP",
    ),
    Case(
        rule="tls-only",
        environment="dev",
        good=(listener(), forwarding(type="forward", targetGroupArn="arn")),
        bad=(_REDIRECTING, forwarding(type="fixed-response"), planned(BALANCER, "edge", internal=False)),
        says="the protocol of web is HTTP",
    ),
    Case(
        rule="no-public-ingress",
        good=(planned(BALANCER, "edge", internal=True),),
        bad=(planned(BALANCER, "edge"),),
        says="internal is not true",
    ),
    Case(
        rule="no-public-ingress",
        config={"ingress": {"public": True}},
        good=(planned(BALANCER, "edge", internal=False),),
        bad=(),
        says="",
    ),
    Case(
        rule="closed-security-groups",
        good=(opened(cidrIpv4="10.0.0.0/16"),),
        bad=(opened(cidrIpv4="0.0.0.0/0"),),
        says="0.0.0.0/0 may connect to port 8000.",
    ),
    Case(
        rule="closed-security-groups",
        config={"ingress": {"public": True}},
        good=(opened(cidrIpv4="0.0.0.0/0", fromPort=443, toPort=443),),
        bad=(
            planned(
                GROUP,
                "edge",
                ingress=[{"protocol": "-1", "fromPort": 0, "toPort": 0, "ipv6CidrBlocks": ["::/0"]}],
            ),
        ),
        says="::/0 may connect to every port.",
    ),
    Case(
        rule="idle-timeout",
        good=(planned(BALANCER, "edge", idleTimeout=600),),
        bad=(planned(BALANCER, "edge", idleTimeout=60),),
        says="idleTimeout is 60 s",
    ),
    Case(
        rule="required-tags",
        good=(planned("aws:kms/key:Key", "main", tags=TAGS),),
        bad=(planned("aws:kms/key:Key", "main", tags={"owner": "me", "app": "chat", "env": "prod"}),),
        says="it lacks the tag costCenter.",
    ),
    Case(
        rule="required-tags",
        good=(replace(planned("aws:kms/key:Key", "main"), default_tags=TAGS),),
        bad=(
            planned(
                "aws:autoscaling/group:Group",
                "machines",
                maxSize=1,
                minSize=0,
                tags=[{"key": key, "value": value, "propagateAtLaunch": key != "owner"} for key, value in TAGS.items()],
            ),
        ),
        says="it lacks the tag owner.",
    ),
    Case(
        rule="region-allow-list",
        config={"limits": {"regions": ["us-east-1"]}},
        good=(the_stack(), SERVICE),
        bad=(the_stack(), replace(SERVICE, region="eu-west-1")),
        says="app would be in eu-west-1; trimaran:limits.regions allows us-east-1.",
    ),
    Case(
        rule="budget-exists",
        good=(the_stack(), SERVICE, budget("900")),
        bad=(the_stack(), SERVICE),
        says="it has no budget.",
    ),
    Case(
        rule="budget-exists",
        config={"limits": {"monthlyUsd": "900"}},
        good=(the_stack(), SERVICE, budget("900")),
        bad=(the_stack(), SERVICE, budget("901")),
        says="monthly warns only at 901 USD a month; trimaran:limits.monthlyUsd is 900.",
    ),
    Case(
        rule="monthly-cost-cap",
        config={"limits": {"monthlyUsd": "9"}},
        good=(the_stack(), volume(100)),
        bad=(the_stack(), volume(1000)),
        says="runs all month it costs 80 USD, most of it disk (disk); trimaran:limits.monthlyUsd is 9.",
    ),
)
