"""Who can reach what, and how: encrypted, from nowhere public unless the stack says so, without cutting long answers."""

from __future__ import annotations

from policies.rule import ADVICE, ALWAYS, Rule, Severity

RULES = (
    Rule(
        id="tls-only",
        title="Listeners speak TLS 1.2 or newer; plain HTTP only redirects, or stays inside a dev network.",
        why="Requests carry an API key and what people wrote.",
        severity=Severity.HIGH,
        enforcement=ALWAYS,
        remedy="Set trimaran:ingress.certificate, use HTTPS with ELBSecurityPolicy-TLS13-1-2-2021-06, redirect port 80.",
        among_peers=True,
    ),
    Rule(
        id="no-public-ingress",
        title="Nothing is reachable from the internet unless the stack's config says so.",
        why="A model that anybody can call is somebody else's model at your expense.",
        severity=Severity.HIGH,
        enforcement=ALWAYS,
        remedy="Keep it private, or set trimaran:ingress.public to true on purpose.",
    ),
    Rule(
        id="closed-security-groups",
        title="No security group lets the world in; a public stack's lets it in to ports 80 and 443 only.",
        why="The address range of the world on any other port finds its scanner within minutes.",
        severity=Severity.CRITICAL,
        enforcement=ALWAYS,
        remedy="Name the ranges in trimaran:ingress.allowedCidrs, or refer to the security group that may connect.",
    ),
    Rule(
        id="idle-timeout",
        title="A load balancer waits as long as a model may think.",
        why="A stream is silent while a long prompt is read. A load balancer that takes this for idle cuts the answer.",
        severity=Severity.MEDIUM,
        enforcement=ADVICE,
        remedy="Set idleTimeout to the routes' total_s or more.",
    ),
)
