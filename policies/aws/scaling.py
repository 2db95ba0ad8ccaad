"""How many of everything may run: never without a bound, room for blue beside green, nothing idle in dev."""

from __future__ import annotations

import math
from collections.abc import Iterator

from catalog.gpu import AWS
from plan.aws import SCALABLE_TARGET as TARGET
from plan.aws import SERVICE, SERVICE_READS, TARGET_READS, scaling_of
from plan.inputs import Inputs, NotKnown, known_first, some
from policies.aws.containers import DEFINITIONS, TASK, containers, gpus
from policies.check import Check, Checks, Scene, in_turn

GROUP = "aws:autoscaling/group:Group"
PROVIDER = "aws:ecs/capacityProvider:CapacityProvider"
SCHEDULE = "aws:appautoscaling/scheduledAction:ScheduledAction"
_SCHEDULED = "scalableTargetAction.maxCapacity"
OVERRIDES = "mixedInstancesPolicy.launchTemplate.overrides"


def _most_tasks_of_a_target(target: Inputs, scene: Scene) -> Iterator[str]:
    yield from _bounded(target, "maxCapacity", scene.context.allowed.max_replicas, scene)


def _most_instances(group: Inputs, scene: Scene) -> Iterator[str]:
    yield from _bounded(group, "maxSize", scene.context.allowed.max_replicas * 2, scene)


def _most_tasks_by_schedule(action: Inputs, scene: Scene) -> Iterator[str]:
    if action.has(_SCHEDULED):
        yield from _bounded(action, _SCHEDULED, scene.context.allowed.max_replicas, scene)


def _most_tasks_wanted(service: Inputs, scene: Scene) -> Iterator[str]:
    if service.has("desiredCount"):
        yield from _bounded(service, "desiredCount", scene.context.allowed.max_replicas, scene)


def _bounded(resource: Inputs, field: str, cap: int, scene: Scene) -> Iterator[str]:
    most = resource.whole(field)
    if most is None:
        yield f"{field} is not set, so nothing bounds what is started."
    elif most > cap:
        yield f"{field} is {most}; in {scene.context.environment} at most {cap} are allowed."


def _headroom(group: Inputs, scene: Scene) -> Iterator[str]:
    splits = known_first(scene.of(SERVICE), lambda each: each.text("deploymentConfiguration.strategy", "ROLLING"))
    strategy = next((each for each in splits if each != "ROLLING"), None)
    if strategy is not None:
        yield from in_turn(_services_on(group, scene), lambda each: _room_for_both(group, each, strategy, scene))


def _room_for_both(group: Inputs, service: Inputs, strategy: str, scene: Scene) -> Iterator[str]:
    tasks, room = max(least_tasks(service, scene), 1), group.whole("maxSize") or 0
    needed = 2 * math.ceil(tasks / _tasks_per_instance(group, service, scene))
    if room < needed:
        yield (
            f"maxSize is {room}; while a {strategy} deployment moves traffic, {service.name} needs {needed} instances "
            f"for {tasks} old and {tasks} new tasks."
        )


def _no_idle_instances(group: Inputs, scene: Scene) -> Iterator[str]:
    yield from in_turn(("minSize", "warmPool.minSize"), lambda each: _none_kept(group, each))


def _none_kept(group: Inputs, field: str) -> Iterator[str]:
    least = group.whole(field) or 0
    if least > 0:
        yield f"{field} is {least}, so instances run and cost money while nobody works."


def _no_idle_gpu_tasks(service: Inputs, scene: Scene) -> Iterator[str]:
    if uses_gpu(service, scene) and (least := least_tasks(service, scene)) > 0:
        yield f"at least {least} of its GPU tasks run, also while nobody works."


def _always_on(service: Inputs, scene: Scene) -> Iterator[str]:
    if not uses_gpu(service, scene) and least_tasks(service, scene) < 1:
        yield "it may have 0 tasks, and then nobody answers: what wakes the GPUs runs here."


def uses_gpu(service: Inputs, scene: Scene) -> bool:
    """Whether a service's tasks ask for a GPU. Raises NotKnown where its task definition is not in this stack."""
    tasks = scene.linked(service, "taskDefinition", TASK)
    if not tasks:
        raise NotKnown("taskDefinition is not one of this stack")
    return some(tasks, lambda task: some(containers(task), lambda each: gpus(each) > 0))


def least_tasks(service: Inputs, scene: Scene) -> int:
    """The fewest tasks of a service: what its scaling allows, else what it wants. Raises NotKnown."""
    target = scaling_of(service, scene)
    return (target.whole("minCapacity") if target else service.whole("desiredCount")) or 0


def most_tasks(service: Inputs, scene: Scene) -> int:
    """The most tasks of a service: what its scaling allows, else what it wants. Raises NotKnown."""
    target = scaling_of(service, scene)
    return (target.whole("maxCapacity") if target else service.whole("desiredCount")) or 0


def _services_on(group: Inputs, scene: Scene) -> tuple[Inputs, ...]:
    """The services whose tasks run on an Auto Scaling group."""
    return tuple(service for each in scene.referring(group, PROVIDER) for service in scene.referring(each, SERVICE))


def _tasks_per_instance(group: Inputs, service: Inputs, scene: Scene) -> int:
    """How many of a service's tasks the smallest instance of a group has GPUs for."""
    wanted = sum(gpus(each) for task in scene.linked(service, "taskDefinition", TASK) for each in containers(task))
    types = [each.text("instanceType") for each in group.each(OVERRIDES) if each.has("instanceType")]
    there = min((AWS[each].gpus for each in types if each in AWS), default=1)
    return max(there // max(wanted, 1), 1)


_TASKS = {
    SERVICE: ("desiredCount", *SERVICE_READS),
    TARGET: ("minCapacity", *TARGET_READS),
    TASK: (DEFINITIONS,),
}

CHECKS: Checks = {
    "max-replicas": {
        TARGET: Check(judge=_most_tasks_of_a_target, reads=("maxCapacity",)),
        GROUP: Check(judge=_most_instances, reads=("maxSize",)),
        SERVICE: Check(judge=_most_tasks_wanted, reads=("desiredCount",)),
        SCHEDULE: Check(judge=_most_tasks_by_schedule, reads=(_SCHEDULED,)),
    },
    "blue-green-headroom": {
        GROUP: Check(
            judge=_headroom,
            reads=("maxSize", OVERRIDES, f"{OVERRIDES}[].instanceType"),
            peers={
                SERVICE: ("desiredCount", "deploymentConfiguration.strategy", *SERVICE_READS),
                TARGET: ("minCapacity", *TARGET_READS),
                PROVIDER: (),
                TASK: (DEFINITIONS,),
            },
        ),
    },
    "scale-to-zero-in-dev": {
        GROUP: Check(judge=_no_idle_instances, reads=("minSize", "warmPool.minSize")),
        SERVICE: Check(judge=_no_idle_gpu_tasks, peers=_TASKS),
    },
    "always-on-in-prod": {SERVICE: Check(judge=_always_on, peers=_TASKS)},
}
