"""Whether the platform can tell a version that answers from one that only runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from plan.inputs import Inputs
from policies.aws.containers import DEFINITIONS, TASK, called, containers, map_in
from policies.check import Check, Checks, Scene, in_turn

TARGET_GROUP = "aws:lb/targetGroup:TargetGroup"


def _probed_task(task: Inputs, scene: Scene) -> Iterator[str]:
    yield from in_turn(containers(task), _probed)


def _probed(container: Mapping[str, Any]) -> Iterator[str]:
    # A sidecar serves only its own task; ECS restarts it when it exits.
    serves = container.get("portMappings") and container.get("essential", True)
    if serves and not map_in(container, "healthCheck").get("command"):
        yield f"{called(container)} has no healthCheck.command."


def _probed_group(target_group: Inputs, scene: Scene) -> Iterator[str]:
    if not target_group.flag("healthCheck.enabled", default=True):
        yield "healthCheck.enabled is false, so traffic goes to tasks that do not answer."
    elif target_group.text("healthCheck.path", "/") == "/":
        yield "healthCheck.path is '/', which answers before the model is loaded."


CHECKS: Checks = {
    "health-checks": {
        TARGET_GROUP: Check(judge=_probed_group, reads=("healthCheck.enabled", "healthCheck.path")),
        TASK: Check(judge=_probed_task, reads=(DEFINITIONS,)),
    },
}
