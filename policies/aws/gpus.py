"""Which GPUs may be rented in which environment."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase

from catalog.gpu import AWS
from plan.inputs import Inputs, known_first
from policies.aws.scaling import GROUP, OVERRIDES, PROVIDER
from policies.check import Check, Checks, Scene

# Families that AWS rents with an accelerator: G and P with NVIDIA GPUs or others, and its own chips.
_ACCELERATED = re.compile(r"(g|p|gr|trn|inf|dl|vt|f)\d")

TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"
INSTANCE = "aws:ec2/instance:Instance"
_CHOSEN_BY_ECS = "managedInstancesProvider.instanceLaunchTemplate.instanceRequirements.allowedInstanceTypes"


def _of_the_type(resource: Inputs, scene: Scene) -> Iterator[str]:
    if resource.has("instanceType"):
        yield from _allowed((resource.text("instanceType"),), scene)


def _of_a_group(group: Inputs, scene: Scene) -> Iterator[str]:
    named = [each for each in group.each(OVERRIDES) if each.has("instanceType")]
    yield from _allowed(known_first(named, lambda each: each.text("instanceType")), scene)


def _chosen_by_ecs(provider: Inputs, scene: Scene) -> Iterator[str]:
    yield from _allowed(provider.each_text(_CHOSEN_BY_ECS), scene)


def _allowed(instance_types: Iterable[str], scene: Scene) -> Iterator[str]:
    """What is wrong with instance types as a resource names them: `g6.xlarge`, or with a wildcard `g6.*`."""
    allowed = scene.context.allowed.gpu_kinds
    seen: set[str] = set()
    for wanted in instance_types:
        for kind in kinds_of(wanted) if wanted not in seen else ():
            if kind not in allowed:
                what = f"has {kind} GPUs" if kind else "has an accelerator that the catalog does not know"
                yield f"{wanted} {what}; {scene.context.environment} allows {', '.join(allowed)}."
        seen.add(wanted)


def kinds_of(instance_type: str) -> tuple[str, ...]:
    """The kinds of GPU that a type or a wildcard can bring: none for a plain CPU, '' for one that the catalog lacks."""
    found = {each.kind for name, each in AWS.items() if fnmatchcase(name, instance_type)}
    return tuple(sorted(found)) or (("",) if _ACCELERATED.match(instance_type) else ())


CHECKS: Checks = {
    "gpu-allow-list": {
        TEMPLATE: Check(judge=_of_the_type, reads=("instanceType",)),
        GROUP: Check(judge=_of_a_group, reads=(OVERRIDES, f"{OVERRIDES}[].instanceType")),
        PROVIDER: Check(judge=_chosen_by_ecs, reads=(_CHOSEN_BY_ECS,)),
        INSTANCE: Check(judge=_of_the_type, reads=("instanceType",)),
    },
}
