"""The load balancer: one way in, two target groups behind it, and a way to green that callers do not have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from stacks.aws.account import Account
from stacks.aws.foundation_parts import Foundation
from stacks.aws.routes import APP_PORT
from stacks.naming import name

IDLE_TIMEOUT_S = 600
_TLS = "ELBSecurityPolicy-TLS13-1-2-2021-06"
_DRAIN_S = 120
_PRODUCTION_PRIORITY, _TEST_PRIORITY = 100, 50
GREEN_HEADER = ("x-revision", "green")
KEY_HEADER = "x-promotion-key"


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeArgs:
    """`certificate` None is plain HTTP, inside the network only. `promotion_key` opens the way to green from outside.

    `allowed_cidrs` are who may connect; empty is the network itself. `domain` "" goes without a name of its own.
    """

    account: Account
    foundation: Foundation
    public: bool
    certificate: pulumi.Input[str] | None
    domain: str
    allowed_cidrs: Sequence[str]
    promotion_key: pulumi.Input[str] | None
    splits: bool


class Edge(pulumi.ComponentResource):
    """Load balancer, listeners, rules, target groups, DNS record. ECS owns the rules' weights once they are made."""

    def __init__(self, resource_name: str, args: EdgeArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("trimaran:aws:Edge", resource_name, {}, opts)
        self._args = args
        self._child = pulumi.ResourceOptions(parent=self)
        self.group = aws.ec2.SecurityGroup(
            "edge", description="Callers to the load balancer", vpc_id=args.foundation.network.vpc, opts=self._child
        )
        self._ports()
        self.balancer = self._balancer()
        self.blue, self.green = self._targets("blue"), self._targets("green") if args.splits else None
        listener = self._listener("production", self._port)
        self.production = self._rule("production", listener, _PRODUCTION_PRIORITY, self._to_blue(), [_everything()])
        self.test = self._test_rule(listener) if args.splits else None
        if args.public:
            self._redirect()
        host: pulumi.Input[str] = args.domain or self.balancer.dns_name
        if args.domain:
            self._record()
        self.url = pulumi.Output.format("{0}://{1}", self._scheme, host)
        self.test_url = self.url if args.public else pulumi.Output.format("{0}:{1}", self.url, self._test_port)
        self.register_outputs({"url": self.url})

    @property
    def _scheme(self) -> str:
        return "http" if self._args.certificate is None else "https"

    @property
    def _port(self) -> int:
        return 80 if self._args.certificate is None else 443

    @property
    def _test_port(self) -> int:
        return 8080 if self._args.certificate is None else 8443

    def _ports(self) -> None:
        inside = [self._args.foundation.network.cidr]
        callers: Sequence[pulumi.Input[str]] = self._args.allowed_cidrs or inside
        opened: list[tuple[int, Sequence[pulumi.Input[str]]]] = [(self._port, callers)]
        if self._args.public:
            opened.append((80, callers))
        elif self._args.splits:
            opened.append((self._test_port, inside))
        for port, ranges in opened:
            for index, each in enumerate(ranges):
                aws.vpc.SecurityGroupIngressRule(
                    f"in-{port}-{index}",
                    security_group_id=self.group.id,
                    description="callers",
                    cidr_ipv4=each,
                    ip_protocol="tcp",
                    from_port=port,
                    to_port=port,
                    opts=self._child,
                )

    def _balancer(self) -> aws.lb.LoadBalancer:
        args = self._args
        logs = {"bucket": args.foundation.log_bucket, "prefix": args.account.stack, "enabled": True}
        return aws.lb.LoadBalancer(
            "balancer",
            name=name("aws.load_balancer", args.account.stack),
            load_balancer_type="application",
            internal=not args.public,
            subnets=args.foundation.network.public_subnets if args.public else args.foundation.network.private_subnets,
            security_groups=[self.group.id],
            # Below the app's keep-alive of 620 s, so that the load balancer never uses a connection the app just closed.
            idle_timeout=IDLE_TIMEOUT_S,
            client_keep_alive=3600,
            drop_invalid_header_fields=True,
            enable_deletion_protection=args.account.is_prod,
            access_logs=logs if args.foundation.keeps_access_logs else None,
            opts=self._child,
        )

    def _targets(self, colour: str) -> aws.lb.TargetGroup:
        return aws.lb.TargetGroup(
            colour,
            name=name("aws.target_group", self._args.account.stack, colour),
            target_type="ip",
            port=APP_PORT,
            protocol="HTTP",
            vpc_id=self._args.foundation.network.vpc,
            deregistration_delay=_DRAIN_S,
            # Answers differ a hundredfold in length. Excludes slow_start.
            load_balancing_algorithm_type="least_outstanding_requests",
            health_check={
                "enabled": True,
                "path": "/health/ready",
                "protocol": "HTTP",
                "matcher": "200",
                "interval": 10,
                "timeout": 5,
                "healthy_threshold": 2,
                "unhealthy_threshold": 3,
            },
            opts=self._child,
        )

    def _listener(self, label: str, port: int) -> aws.lb.Listener:
        certificate = self._args.certificate
        secure = {} if certificate is None else {"ssl_policy": _TLS, "certificate_arn": certificate}
        return aws.lb.Listener(
            label,
            load_balancer_arn=self.balancer.arn,
            port=port,
            protocol="HTTPS" if secure else "HTTP",
            default_actions=[
                {
                    "type": "fixed-response",
                    "fixed_response": {
                        "content_type": "text/plain",
                        "status_code": "404",
                        "message_body": "not here\n",
                    },
                }
            ],
            opts=self._child,
            **secure,
        )

    def _redirect(self) -> None:
        to_https = {"protocol": "HTTPS", "port": "443", "status_code": "HTTP_301"}
        aws.lb.Listener(
            "redirect",
            load_balancer_arn=self.balancer.arn,
            port=80,
            protocol="HTTP",
            default_actions=[{"type": "redirect", "redirect": to_https}],
            opts=self._child,
        )

    def _rule(
        self,
        label: str,
        listener: aws.lb.Listener,
        priority: int,
        action: dict[str, Any],
        conditions: list[dict[str, Any]],
    ) -> aws.lb.ListenerRule:
        return aws.lb.ListenerRule(
            label,
            listener_arn=listener.arn,
            priority=priority,
            actions=[action],
            conditions=conditions,
            # ECS moves the weights; a later `up` must not move them back.
            opts=pulumi.ResourceOptions(parent=self, ignore_changes=["actions"]),
        )

    def _test_rule(self, production: aws.lb.Listener) -> aws.lb.ListenerRule:
        """Green by a header: on a port of its own inside the network, or, from outside, with the promotion's key."""
        green = [_header(*GREEN_HEADER)]
        if not self._args.public:
            listener = self._listener("test", self._test_port)
            return self._rule("test", listener, _TEST_PRIORITY, self._to_blue(), green)
        assert self._args.promotion_key is not None, "refuse_unsafe_ingress comes first"
        conditions = [*green, _header(KEY_HEADER, self._args.promotion_key)]
        return self._rule("test", production, _TEST_PRIORITY, self._to_blue(), conditions)

    def _to_blue(self) -> dict[str, Any]:
        groups = [{"arn": self.blue.arn, "weight": 100}]
        if self.green is not None:
            groups.append({"arn": self.green.arn, "weight": 0})
            return {"type": "forward", "forward": {"target_groups": groups}}
        return {"type": "forward", "target_group_arn": self.blue.arn}

    def _record(self) -> None:
        alias = {"name": self.balancer.dns_name, "zone_id": self.balancer.zone_id, "evaluate_target_health": False}
        aws.route53.Record(
            "name",
            zone_id=self._args.foundation.zone,
            name=self._args.domain,
            type="A",
            aliases=[alias],
            opts=self._child,
        )


def _everything() -> dict[str, Any]:
    return {"path_pattern": {"values": ["/*"]}}


def _header(header: str, value: pulumi.Input[str]) -> dict[str, Any]:
    return {"http_header": {"http_header_name": header, "values": [value]}}
