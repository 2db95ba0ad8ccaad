"""Whether the platform can tell a version that answers from one that only runs."""

from __future__ import annotations

from collections.abc import Iterator

from policies.containers import DEFINITIONS, TASK, called, containers
from policies.planned import Resource
from policies.rule import ALWAYS, Rule, Scene, Severity

TARGET_GROUP = "aws:lb/targetGroup:TargetGroup"


def _probed(resource: Resource, scene: Scene) -> Iterator[str]:
    if resource.type == TASK:
        for container in containers(resource):
            # A sidecar serves only its own task; ECS restarts it when it exits.
            serves = container.get("portMappings") and container.get("essential", True)
            if serves and not (container.get("healthCheck") or {}).get("command"):
                yield f"{called(container)} has no healthCheck.command."
    elif not resource.flag("healthCheck.enabled", default=True):
        yield "healthCheck.enabled is false, so traffic goes to tasks that do not answer."
    elif resource.text("healthCheck.path", "/") == "/":
        yield "healthCheck.path is '/', which answers before the model is loaded."


RULES = (
    Rule(
        id="health-checks",
        title="Every container that serves is probed, on a path that means something.",
        why="Without a probe a process that hangs counts as healthy; on `/` it counts as ready before it has a model.",
        severity=Severity.HIGH,
        enforcement=ALWAYS,
        types=(TARGET_GROUP, TASK),
        reads={TARGET_GROUP: ("healthCheck.enabled", "healthCheck.path"), TASK: (DEFINITIONS,)},
        remedy="Probe /health/live in the container and /health/ready from the load balancer.",
        check=_probed,
    ),
)
