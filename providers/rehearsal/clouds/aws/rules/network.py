"""Address ranges, load balancers, target groups and scaling bounds on AWS."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Sequence
from typing import Any

from providers.rehearsal.findings import Seen, Validated, shown
from providers.rehearsal.rules.contract import CheckedResource, Facts, refuse
from providers.rehearsal.values import leaves


def cidr_is_one(resource: CheckedResource, peers: Sequence[CheckedResource], facts: Facts) -> Iterator[Seen]:
    """An address range is one, without host bits."""
    for path, value in leaves(resource.inputs):
        named = next((each for each in reversed(path) if isinstance(each, str)), "")
        if named not in facts.limits["cidr"]["properties"] or not isinstance(value, str) or "/" not in value:
            continue
        place = resource.place(*path)
        try:
            ipaddress.ip_network(value)
        except ValueError as error:
            yield refuse(place, f"is {shown(value, place)}, which is no address range: {error}.")
        else:
            yield Validated(path=path)


def subnet_size(resource: CheckedResource, peers: Sequence[CheckedResource], facts: Facts) -> Iterator[Seen]:
    """A VPC or subnet is a /16 to a /28, and a subnet lies in a VPC of this stack where all ranges are known."""
    if resource.token not in ("aws:ec2/vpc:Vpc", "aws:ec2/subnet:Subnet"):
        return
    network = _network(resource.get("cidrBlock"))
    if network is None:
        return
    low, high = facts.limits["cidr"]["subnet_prefix"]
    place = resource.place("cidrBlock")
    if not low <= network.prefixlen <= high:
        yield refuse(place, f"is {network}; it must be a /{low} to a /{high}.")
    if resource.token != "aws:ec2/subnet:Subnet":
        return
    ranges = [_network(peer.get("cidrBlock")) for peer in peers if peer.token == "aws:ec2/vpc:Vpc"]
    vpcs = [each for each in ranges if each]
    if len(vpcs) == 1 and not network.subnet_of(vpcs[0]):
        yield refuse(place, f"is {network}, outside the VPC's {vpcs[0]}. Choose a part of it.")
    for peer in peers:
        taken = _network(peer.get("cidrBlock")) if peer.token == resource.token and peer.urn != resource.urn else None
        if taken and len(vpcs) == 1 and network.overlaps(taken):
            yield refuse(place, f"is {network}, which overlaps {taken} of {peer.urn.rpartition('::')[2]}.")


def port_range(resource: CheckedResource, peers: Sequence[CheckedResource], facts: Facts) -> Iterator[Seen]:
    """A port range rises; protocol -1 goes without ports."""
    if "aws:vpc/securityGroup" not in resource.token:
        return
    low, high, protocol = (resource.get(each) for each in ("fromPort", "toPort", "ipProtocol"))
    if isinstance(low, int) and isinstance(high, int) and low > high:
        yield refuse(resource.place("fromPort"), f"is {low}, above to_port {high}. Swap them.")
    if protocol == "-1" and (low is not None or high is not None):
        yield refuse(
            resource.place("ipProtocol"), "is -1 (all), which takes no ports. Leave from_port and to_port out."
        )
    if isinstance(protocol, str) and protocol not in ("-1", "tcp", "udp", "icmp", "icmpv6") and not protocol.isdigit():
        yield refuse(
            resource.place("ipProtocol"), f"is '{protocol}'; it must be tcp, udp, icmp, icmpv6, -1 or a number."
        )
    sources = ("cidrIpv4", "cidrIpv6", "prefixListId", "referencedSecurityGroupId")
    if sum(each in resource.inputs for each in sources) != 1:
        yield refuse(
            resource.place(sources[0]), "or exactly one of cidr_ipv6, prefix_list_id, referenced_security_group_id."
        )


def target_group(resource: CheckedResource, peers: Sequence[CheckedResource], facts: Facts) -> Iterator[Seen]:
    """Fields of a target group that exclude or need each other."""
    if resource.token != "aws:lb/targetGroup:TargetGroup":
        return
    algorithm, slow_start = resource.get("loadBalancingAlgorithmType"), resource.get("slowStart")
    if algorithm in ("least_outstanding_requests", "weighted_random") and slow_start:
        yield refuse(
            resource.place("slowStart"), f"is {slow_start}, which excludes {algorithm}. Leave one of the two out."
        )
    elif isinstance(slow_start, int) and slow_start and not 30 <= slow_start <= 900:
        yield refuse(resource.place("slowStart"), f"is {slow_start}; it must be 0 or from 30 to 900 seconds.")
    interval, timeout = resource.get("healthCheck", "interval"), resource.get("healthCheck", "timeout")
    if isinstance(interval, int) and isinstance(timeout, int) and timeout >= interval:
        yield refuse(
            resource.place("healthCheck", "timeout"),
            f"is {timeout}; it must be below the interval of {interval} seconds.",
        )
    if resource.get("targetType") not in ("lambda",) and {"port", "protocol", "vpcId"} - resource.inputs.keys():
        missing = sorted({"port", "protocol", "vpcId"} - resource.inputs.keys())[0]
        yield refuse(resource.place(missing), "is missing; a target group of instances or addresses requires it.")


def load_balancer(resource: CheckedResource, peers: Sequence[CheckedResource], facts: Facts) -> Iterator[Seen]:
    """A load balancer has subnets in two zones."""
    if resource.token != "aws:lb/loadBalancer:LoadBalancer":
        return
    subnets = resource.inputs.get("subnets")
    if isinstance(subnets, list) and len(subnets) < 2 and resource.get("loadBalancerType") in (None, "application"):
        yield refuse(
            resource.place("subnets"), f"has {len(subnets)}; an application load balancer needs two, in two zones."
        )


def listener(resource: CheckedResource, peers: Sequence[CheckedResource], facts: Facts) -> Iterator[Seen]:
    """A listener for TLS has a certificate; one without TLS has none."""
    if resource.token != "aws:lb/listener:Listener":
        return
    protocol = resource.get("protocol")
    if protocol in ("HTTPS", "TLS") and "certificateArn" not in resource.inputs:
        yield refuse(resource.place("certificateArn"), f"is missing; a listener with protocol {protocol} requires it.")
    if protocol == "HTTP":
        for name in ("certificateArn", "sslPolicy"):
            if name in resource.inputs:
                yield refuse(resource.place(name), "is set, but the protocol is HTTP. Make it HTTPS or leave this out.")


def scaling_bounds(resource: CheckedResource, peers: Sequence[CheckedResource], facts: Facts) -> Iterator[Seen]:
    """A smallest number is not above the largest."""
    pairs = {
        "aws:appautoscaling/target:Target": ("minCapacity", "maxCapacity"),
        "aws:autoscaling/group:Group": ("minSize", "maxSize"),
    }
    low_name, high_name = pairs.get(resource.token, ("", ""))
    if not low_name:
        return
    low, high = resource.get(low_name), resource.get(high_name)
    if isinstance(low, int) and low < 0:
        yield refuse(resource.place(low_name), f"is {low}; it must be 0 or more.")
    elif isinstance(low, int) and isinstance(high, int) and low > high:
        yield refuse(resource.place(low_name), f"is {low}, above the largest, {high}. Lower it.")
    else:
        for name in (low_name, high_name):
            yield Validated(path=(name,))


def _network(text: Any) -> ipaddress.IPv4Network | None:
    try:
        return ipaddress.IPv4Network(text) if isinstance(text, str) else None
    except ValueError:
        return None


RULES = (cidr_is_one, subnet_size, port_range, target_group, load_balancer, listener, scaling_bounds)
