"""What on AWS belongs together though only its names say so: which scalable target bounds which service, for prices and rules alike."""

from __future__ import annotations

from plan.inputs import Inputs, known_first
from plan.scope import Peers

SERVICE = "aws:ecs/service:Service"
SCALABLE_TARGET = "aws:appautoscaling/target:Target"
# What `scaling_of` reads, of a service and of a target.
SERVICE_READS = ("name",)
TARGET_READS = ("resourceId", "serviceNamespace")


def scaling_of(service: Inputs, peers: Peers) -> Inputs | None:
    """The scalable target of an ECS service: the one that refers to it, else one that names it and refers to no other service.

    Application Auto Scaling knows one for each service. Raises NotKnown where it may be one whose name is not known.
    """
    for target in peers.referring(service, SCALABLE_TARGET):
        return target
    services = [each.resource.urn for each in peers.of(SERVICE)]
    others = [
        each
        for each in peers.of(SCALABLE_TARGET)
        if each.shown("serviceNamespace", "ecs") == "ecs" and not any(map(each.resource.refers_to, services))
    ]
    if not others:
        return None
    called = f"/{service.text('name', service.name)}"
    named = known_first(others, lambda each: (each, each.text("resourceId")))
    return next((each for each, resource_id in named if resource_id.endswith(called)), None)
