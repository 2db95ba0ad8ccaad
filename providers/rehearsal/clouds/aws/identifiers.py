"""ARNs of things that were never made, and the parts of other things' ARNs that these are made of."""

from __future__ import annotations

from collections.abc import Mapping

from providers.rehearsal.values import Properties


def invented(output: str, token: str, known: Mapping[str, str]) -> str | None:
    """A plausible ARN for an output that is called one, the region for one that is called so; None for any other."""
    if output == "region":
        return known["region"]
    return _arn(token, known) if output == "arn" or output.endswith("Arn") else None


def parts(inputs: Properties) -> dict[str, str]:
    """Names inside other resources' ARNs, which the ARN of this one is made of."""
    balancer, listener = str(inputs.get("loadBalancerArn", "")), str(inputs.get("listenerArn", ""))
    return {
        "cluster_name": str(inputs.get("cluster", "default")).rpartition("/")[2],
        "loadBalancerArn_as_listener": balancer.replace(":loadbalancer/", ":listener/"),
        "listenerArn_as_rule": listener.replace(":listener/", ":listener-rule/"),
    }


def _arn(token: str, known: Mapping[str, str]) -> str:
    module = token.split(":")[1].partition("/")[0]
    kind = token.rpartition(":")[2].lower()
    return f"arn:{known['partition']}:{module}:{known['region']}:{known['account']}:{kind}/{known['id']}"
