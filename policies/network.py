"""Who can reach what, and how: encrypted, from nowhere public unless the stack says so, without cutting long answers."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from policies.planned import Resource
from policies.rule import ADVICE, ALWAYS, Rule, Scene, Severity

BALANCER = "aws:lb/loadBalancer:LoadBalancer"
LISTENER = "aws:lb/listener:Listener"
SERVICE = "aws:ecs/service:Service"
FUNCTION_URL = "aws:lambda/functionUrl:FunctionUrl"
GROUP = "aws:ec2/securityGroup:SecurityGroup"
GROUP_RULE = "aws:ec2/securityGroupRule:SecurityGroupRule"
INGRESS_RULE = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
_WEB_PORTS = (80, 443)
# An address range as wide as this is the world, whatever it is called: 0.0.0.0/1 twice is everything too.
_WORLD_BITS = 7


def _tls(listener: Resource, scene: Scene) -> Iterator[str]:
    protocol = listener.text("protocol", "HTTP")
    if protocol in ("HTTPS", "TLS"):
        policy = listener.text("sslPolicy")
        if "TLS13" not in policy:
            yield f"sslPolicy is {policy or 'not set'}, which offers TLS older than 1.2 or lacks 1.3."
        return
    actions = listener.each("defaultActions")
    if actions and all(each.text("redirect.protocol") == "HTTPS" for each in actions):
        return
    inside = [each.flag("internal") for each in scene.linked(listener, "loadBalancerArn", BALANCER)]
    if scene.context.environment == "dev" and inside and all(inside):
        return
    yield f"protocol is {protocol} and it does not only redirect to HTTPS: keys and prompts travel readable."


def _private(resource: Resource, scene: Scene) -> Iterator[str]:
    if scene.context.public:
        return
    if resource.type == BALANCER and not resource.flag("internal"):
        yield "internal is not true, so it has public addresses."
    elif resource.type == SERVICE and resource.flag("networkConfiguration.assignPublicIp"):
        yield "assignPublicIp is true, so each task has a public address."
    elif resource.type == FUNCTION_URL and resource.text("authorizationType") == "NONE":
        yield "authorizationType is NONE, so everybody may call it."


def _closed(resource: Resource, scene: Scene) -> Iterator[str]:
    for ranges, first, last in _openings(resource):
        for each in ranges:
            is_public_web = scene.context.public and first == last and first in _WEB_PORTS
            if _is_world(each) and not is_public_web:
                ports = "every port" if first is None else f"port {first}" if first == last else f"ports {first}-{last}"
                yield f"{each} may connect to {ports}."


def _openings(resource: Resource) -> Iterator[tuple[tuple[str, ...], int | None, int | None]]:
    """Address ranges that may come in, with the first and the last port; no port is every port."""
    if resource.type == INGRESS_RULE:
        ranges = tuple(resource.text(each) for each in ("cidrIpv4", "cidrIpv6") if resource.has(each))
        yield ranges, *_ports(resource, "ipProtocol")
        return
    own = (resource,) if resource.type == GROUP_RULE and resource.text("type") == "ingress" else ()
    for rule in own or (resource.each("ingress") if resource.type == GROUP else ()):
        yield rule.texts("cidrBlocks") + rule.texts("ipv6CidrBlocks"), *_ports(rule, "protocol")


def _ports(rule: Resource, protocol: str) -> tuple[int | None, int | None]:
    if rule.text(protocol) in ("-1", "all"):
        return None, None
    return rule.whole("fromPort"), rule.whole("toPort")


def _is_world(text: str) -> bool:
    try:
        return ipaddress.ip_network(text, strict=False).prefixlen <= _WORLD_BITS
    except ValueError:
        return False


def _idle_timeout(balancer: Resource, scene: Scene) -> Iterator[str]:
    seconds, least = balancer.whole("idleTimeout"), scene.context.allowed.idle_timeout_s
    if balancer.text("loadBalancerType", "application") != "application":
        return
    if seconds is None:
        yield "idleTimeout is not set, which is 60 s: an answer that pauses for longer is cut."
    elif seconds < least:
        yield f"idleTimeout is {seconds} s: an answer that pauses for longer is cut; it should be at least {least} s."


_INGRESS = ("cidrBlocks", "fromPort", "ipv6CidrBlocks", "protocol", "toPort")

RULES = (
    Rule(
        id="tls-only",
        title="Listeners speak TLS 1.2 or newer; plain HTTP only redirects, or stays inside a dev network.",
        why="Requests carry an API key and what people wrote.",
        severity=Severity.HIGH,
        enforcement=ALWAYS,
        types=(LISTENER,),
        reads={
            LISTENER: ("defaultActions", "defaultActions[].redirect.protocol", "protocol", "sslPolicy"),
            BALANCER: ("internal",),
        },
        remedy="Set trimaran:ingress.certificate, use HTTPS with ELBSecurityPolicy-TLS13-1-2-2021-06, redirect port 80.",
        check=_tls,
        among_peers=True,
    ),
    Rule(
        id="no-public-ingress",
        title="Nothing is reachable from the internet unless the stack's config says so.",
        why="A model that anybody can call is somebody else's model at your expense.",
        severity=Severity.HIGH,
        enforcement=ALWAYS,
        types=(BALANCER, SERVICE, FUNCTION_URL),
        reads={
            BALANCER: ("internal",),
            SERVICE: ("networkConfiguration.assignPublicIp",),
            FUNCTION_URL: ("authorizationType",),
        },
        remedy="Keep it private, or set trimaran:ingress.public to true on purpose.",
        check=_private,
    ),
    Rule(
        id="closed-security-groups",
        title="No security group lets the world in; a public stack's lets it in to ports 80 and 443 only.",
        why="The address range of the world on any other port finds its scanner within minutes.",
        severity=Severity.CRITICAL,
        enforcement=ALWAYS,
        types=(GROUP, GROUP_RULE, INGRESS_RULE),
        reads={
            GROUP: ("ingress", *(f"ingress[].{each}" for each in _INGRESS)),
            GROUP_RULE: (*_INGRESS, "type"),
            INGRESS_RULE: ("cidrIpv4", "cidrIpv6", "fromPort", "ipProtocol", "toPort"),
        },
        remedy="Name the ranges in trimaran:ingress.allowedCidrs, or refer to the security group that may connect.",
        check=_closed,
    ),
    Rule(
        id="idle-timeout",
        title="A load balancer waits as long as a model may think.",
        why="A stream is silent while a long prompt is read. A load balancer that takes this for idle cuts the answer.",
        severity=Severity.MEDIUM,
        enforcement=ADVICE,
        types=(BALANCER,),
        reads={BALANCER: ("idleTimeout", "loadBalancerType")},
        remedy="Set idleTimeout to the routes' total_s or more.",
        check=_idle_timeout,
    ),
)
