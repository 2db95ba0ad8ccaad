"""Whether the platform can tell a version that answers from one that only runs."""

from __future__ import annotations

from policies.rule import ALWAYS, Rule, Severity

RULES = (
    Rule(
        id="health-checks",
        title="Every container that serves is probed, on a path that means something.",
        why="Without a probe a process that hangs counts as healthy; on `/` it counts as ready before it has a model.",
        severity=Severity.HIGH,
        enforcement=ALWAYS,
        remedy="Probe /health/live in the container and /health/ready from the load balancer.",
    ),
)
