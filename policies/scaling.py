"""How many of everything may run: never without a bound, room for blue beside green, nothing idle in dev."""

from __future__ import annotations

import math
from collections.abc import Iterator

from catalog.gpu import AWS
from policies.containers import DEFINITIONS, TASK, containers, gpus
from policies.planned import NotKnown, Resource
from policies.rule import ADVICE, ALWAYS, DEV_ONLY, Enforcement, Level, Rule, Scene, Severity

SERVICE = "aws:ecs/service:Service"
TARGET = "aws:appautoscaling/target:Target"
GROUP = "aws:autoscaling/group:Group"
PROVIDER = "aws:ecs/capacityProvider:CapacityProvider"
OVERRIDES = "mixedInstancesPolicy.launchTemplate.overrides"
_MOST = {TARGET: "maxCapacity", GROUP: "maxSize", SERVICE: "desiredCount"}


def _max_replicas(resource: Resource, scene: Scene) -> Iterator[str]:
    field = _MOST[resource.type]
    most = resource.whole(field)
    cap = scene.context.allowed.max_replicas * (2 if resource.type == GROUP else 1)
    if most is None:
        if resource.type != SERVICE:
            yield f"{field} is not set, so nothing bounds what is started."
    elif most > cap:
        yield f"{field} is {most}; in {scene.context.environment} at most {cap} are allowed."


def _headroom(group: Resource, scene: Scene) -> Iterator[str]:
    splits = (each.text("deploymentConfiguration.strategy", "ROLLING") for each in scene.of(SERVICE))
    strategy = next((each for each in splits if each != "ROLLING"), None)
    if strategy is None:
        return
    for service in _services_on(group, scene):
        tasks, room = max(least_tasks(service, scene), 1), group.whole("maxSize") or 0
        needed = 2 * math.ceil(tasks / _tasks_per_instance(group, service, scene))
        if room < needed:
            yield (
                f"maxSize is {room}; while a {strategy} deployment moves traffic, {service.name} needs {needed} instances "
                f"for {tasks} old and {tasks} new tasks."
            )


def _scale_to_zero(resource: Resource, scene: Scene) -> Iterator[str]:
    if resource.type == GROUP:
        for field in ("minSize", "warmPool.minSize"):
            if (resource.whole(field) or 0) > 0:
                yield f"{field} is {resource.whole(field)}, so instances run and cost money while nobody works."
    elif uses_gpu(resource, scene) and (least := least_tasks(resource, scene)) > 0:
        yield f"at least {least} of its GPU tasks run, also while nobody works."


def _always_on(service: Resource, scene: Scene) -> Iterator[str]:
    if not uses_gpu(service, scene) and least_tasks(service, scene) < 1:
        yield "it may have 0 tasks, and then nobody answers: what wakes the GPUs runs here."


def uses_gpu(service: Resource, scene: Scene) -> bool:
    """Whether a service's tasks ask for a GPU. Raises NotKnown where its task definition is not in this stack."""
    tasks = scene.linked(service, "taskDefinition", TASK)
    if not tasks:
        raise NotKnown("taskDefinition is not one of this stack")
    return any(gpus(each) for task in tasks for each in containers(task))


def least_tasks(service: Resource, scene: Scene) -> int:
    """The fewest tasks of a service: what its scaling allows, else what it wants. Raises NotKnown."""
    bounds = [each.whole("minCapacity") or 0 for each in _scaled(service, scene)]
    return min(bounds) if bounds else service.whole("desiredCount") or 0


def most_tasks(service: Resource, scene: Scene) -> int:
    """The most tasks of a service, likewise. Raises NotKnown."""
    bounds = [each.whole("maxCapacity") or 0 for each in _scaled(service, scene)]
    return max(bounds) if bounds else service.whole("desiredCount") or 0


def _scaled(service: Resource, scene: Scene) -> tuple[Resource, ...]:
    """What scales a service: it refers to it, or names it."""
    return scene.referring(service, TARGET) or tuple(
        each
        for each in scene.of(TARGET)
        if not each.planned.links and each.text("resourceId").endswith(f"/{service.text('name', service.name)}")
    )


def _services_on(group: Resource, scene: Scene) -> tuple[Resource, ...]:
    """The services whose tasks run on an Auto Scaling group."""
    return tuple(service for each in scene.referring(group, PROVIDER) for service in scene.referring(each, SERVICE))


def _tasks_per_instance(group: Resource, service: Resource, scene: Scene) -> int:
    """How many of a service's tasks the smallest instance of a group has GPUs for."""
    wanted = sum(gpus(each) for task in scene.linked(service, "taskDefinition", TASK) for each in containers(task))
    types = [each.text("instanceType") for each in group.each(OVERRIDES) if each.has("instanceType")]
    there = min((AWS[each].gpus for each in types if each in AWS), default=1)
    return max(there // max(wanted, 1), 1)


_TASKS = {SERVICE: ("desiredCount", "name"), TARGET: ("minCapacity", "resourceId"), TASK: (DEFINITIONS,)}

RULES = (
    Rule(
        id="max-replicas",
        title="Everything that scales has an upper bound within what its environment allows.",
        why="A loop in a client, or a load test that nobody stopped, otherwise becomes a bill.",
        severity=Severity.HIGH,
        enforcement=ALWAYS,
        types=(TARGET, GROUP, SERVICE),
        reads={TARGET: ("maxCapacity",), GROUP: ("maxSize",), SERVICE: ("desiredCount",)},
        remedy="Lower trimaran:scaling.max, or raise maxReplicas in policies/allowed.yaml.",
        check=_max_replicas,
    ),
    Rule(
        id="blue-green-headroom",
        title="GPU capacity holds the old and the new version side by side.",
        why="Blue/green doubles the tasks for a while. Without room for them the new version waits until it times out.",
        severity=Severity.MEDIUM,
        enforcement=ADVICE,
        types=(GROUP,),
        reads={
            SERVICE: ("desiredCount", "name", "deploymentConfiguration.strategy"),
            TARGET: ("minCapacity", "resourceId"),
            GROUP: ("maxSize", OVERRIDES, f"{OVERRIDES}[].instanceType"),
            TASK: (DEFINITIONS,),
        },
        remedy="Raise the group's maxSize, or use the strategy ROLLING.",
        check=_headroom,
        among_peers=True,
    ),
    Rule(
        id="scale-to-zero-in-dev",
        title="GPUs in dev scale to zero.",
        why="A GPU that idles over a weekend costs more than the work it did. In dev nobody is hurt by a cold start.",
        severity=Severity.HIGH,
        enforcement=DEV_ONLY,
        types=(GROUP, SERVICE),
        reads={GROUP: ("minSize", "warmPool.minSize"), **_TASKS},
        remedy="Set trimaran:scaling.min to 0 and leave the warm pool out in dev.",
        check=_scale_to_zero,
        among_peers=True,
    ),
    Rule(
        id="always-on-in-prod",
        title="In prod every service without a GPU keeps at least one task.",
        why="The router holds requests while GPUs wake and fails over to other models. At zero tasks there is no router.",
        severity=Severity.HIGH,
        enforcement=Enforcement(dev=Level.OFF, staging=Level.OFF, prod=Level.ADVISORY),
        types=(SERVICE,),
        reads=_TASKS,
        remedy="Give it a minimum of at least 1, better one for each zone.",
        check=_always_on,
        among_peers=True,
    ),
)
