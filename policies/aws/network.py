"""Who can reach what, and how: encrypted, from nowhere public unless the stack says so, without cutting long answers."""

from __future__ import annotations

from collections.abc import Iterator

from catalog.tls import USUAL, VERSIONS
from plan.inputs import Inputs, NotKnown, every, known_first
from policies.check import Check, Checks, NotCovered, Scene, in_turn
from policies.openings import Ports, opened_to_the_world

BALANCER = "aws:lb/loadBalancer:LoadBalancer"
LISTENER = "aws:lb/listener:Listener"
LISTENER_RULE = "aws:lb/listenerRule:ListenerRule"
SERVICE = "aws:ecs/service:Service"
FUNCTION_URL = "aws:lambda/functionUrl:FunctionUrl"
GROUP = "aws:ec2/securityGroup:SecurityGroup"
DEFAULT_GROUP = "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup"
GROUP_RULE = "aws:ec2/securityGroupRule:SecurityGroupRule"
INGRESS_RULE = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
_ENCRYPTED = ("HTTPS", "TLS")


def _tls(listener: Inputs, scene: Scene) -> Iterator[str]:
    protocol = listener.text("protocol", "HTTP")
    if protocol in _ENCRYPTED:
        yield from _modern(listener.text("sslPolicy"))
        return
    if _only_redirects(listener.each("defaultActions")) or _is_inside_dev(listener, scene):
        return
    yield f"protocol is {protocol} and it does not only redirect to HTTPS: keys and prompts travel readable."


def _modern(policy: str) -> Iterator[str]:
    """A sentence where a security policy offers more than TLS 1.3 and 1.2, or less. Raises NotCovered for one of no table."""
    versions = VERSIONS.get(policy or USUAL)
    if versions is None:
        raise NotCovered(f"catalog/tls.py does not know which TLS the sslPolicy {policy} offers")
    if "1.3" not in versions or not set(versions) <= {"1.3", "1.2"}:
        yield f"sslPolicy is {policy or 'not set'}, which offers TLS {', '.join(versions)}; it should be 1.3, with 1.2 or alone."


def _tls_by_rule(rule: Inputs, scene: Scene) -> Iterator[str]:
    """A rule goes before what its listener does by default, so one of a plain listener must redirect as well."""
    listeners = scene.linked(rule, "listenerArn", LISTENER)
    if _only_redirects(rule.each("actions")):
        return
    if not listeners:
        raise NotKnown("its listener is not one of this stack, so its protocol is not known")
    for listener in listeners:
        protocol = listener.text("protocol", "HTTP")
        if protocol not in _ENCRYPTED and not _is_inside_dev(listener, scene):
            yield f"it does not only redirect to HTTPS, and the protocol of {listener.name} is {protocol}: keys and prompts travel readable."


def _only_redirects(actions: tuple[Inputs, ...]) -> bool:
    return bool(actions) and every(actions, lambda each: each.text("redirect.protocol") == "HTTPS")


def _is_inside_dev(listener: Inputs, scene: Scene) -> bool:
    balancers = scene.linked(listener, "loadBalancerArn", BALANCER)
    return (
        scene.context.environment == "dev" and bool(balancers) and every(balancers, lambda each: each.flag("internal"))
    )


def _private_balancer(balancer: Inputs, scene: Scene) -> Iterator[str]:
    if not scene.context.public and not balancer.flag("internal"):
        yield "internal is not true, so it has public addresses."


def _private_tasks(service: Inputs, scene: Scene) -> Iterator[str]:
    if not scene.context.public and service.flag("networkConfiguration.assignPublicIp"):
        yield "assignPublicIp is true, so each task has a public address."


def _private_function(url: Inputs, scene: Scene) -> Iterator[str]:
    if not scene.context.public and url.text("authorizationType") == "NONE":
        yield "authorizationType is NONE, so everybody may call it."


def _closed_group(group: Inputs, scene: Scene) -> Iterator[str]:
    yield from in_turn(group.each("ingress"), lambda rule: _closed_blocks(rule, scene))


def _closed_rule(rule: Inputs, scene: Scene) -> Iterator[str]:
    if rule.text("type") == "ingress":
        yield from _closed_blocks(rule, scene)


def _closed_ingress(rule: Inputs, scene: Scene) -> Iterator[str]:
    ranges = [each for each in ("cidrIpv4", "cidrIpv6") if rule.has(each)]
    yield from opened_to_the_world(known_first(ranges, rule.text), _ports(rule, "ipProtocol"), scene)


def _closed_blocks(rule: Inputs, scene: Scene) -> Iterator[str]:
    ports = _ports(rule, "protocol")
    yield from in_turn(
        ("cidrBlocks", "ipv6CidrBlocks"), lambda each: opened_to_the_world(rule.each_text(each), ports, scene)
    )


def _ports(rule: Inputs, protocol: str) -> Ports:
    try:
        if rule.text(protocol) in ("-1", "all"):
            return Ports()
        return Ports(first=rule.whole("fromPort"), last=rule.whole("toPort"))
    except NotKnown as reason:
        return Ports(why=str(reason))  # where the world may connect to no port at all, that decides nothing


def _idle_timeout(balancer: Inputs, scene: Scene) -> Iterator[str]:
    seconds, least = balancer.whole("idleTimeout"), scene.context.allowed.idle_timeout_s
    if balancer.text("loadBalancerType", "application") != "application":
        return
    if seconds is None:
        yield "idleTimeout is not set, which is 60 s: an answer that pauses for longer is cut."
    elif seconds < least:
        yield f"idleTimeout is {seconds} s: an answer that pauses for longer is cut; it should be at least {least} s."


_INGRESS = ("cidrBlocks", "fromPort", "ipv6CidrBlocks", "protocol", "toPort")
_INLINE = ("ingress", *(f"ingress[].{each}" for each in _INGRESS))

CHECKS: Checks = {
    "tls-only": {
        LISTENER: Check(
            judge=_tls,
            reads=("defaultActions", "defaultActions[].redirect.protocol", "protocol", "sslPolicy"),
            peers={BALANCER: ("internal",)},
        ),
        LISTENER_RULE: Check(
            judge=_tls_by_rule,
            reads=("actions", "actions[].redirect.protocol"),
            peers={BALANCER: ("internal",), LISTENER: ("protocol",)},
        ),
    },
    "no-public-ingress": {
        BALANCER: Check(judge=_private_balancer, reads=("internal",)),
        SERVICE: Check(judge=_private_tasks, reads=("networkConfiguration.assignPublicIp",)),
        FUNCTION_URL: Check(judge=_private_function, reads=("authorizationType",)),
    },
    "closed-security-groups": {
        GROUP: Check(judge=_closed_group, reads=_INLINE),
        GROUP_RULE: Check(judge=_closed_rule, reads=(*_INGRESS, "type")),
        INGRESS_RULE: Check(judge=_closed_ingress, reads=("cidrIpv4", "cidrIpv6", "fromPort", "ipProtocol", "toPort")),
        DEFAULT_GROUP: Check(judge=_closed_group, reads=_INLINE),
    },
    "idle-timeout": {BALANCER: Check(judge=_idle_timeout, reads=("idleTimeout", "loadBalancerType"))},
}
