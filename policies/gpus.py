"""Which GPUs may be rented in which environment."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fnmatch import fnmatchcase

from catalog.gpu import AWS
from policies.planned import Resource
from policies.rule import ALWAYS, Rule, Scene, Severity
from policies.scaling import GROUP, OVERRIDES, PROVIDER

# Families that AWS rents with an accelerator: G and P with NVIDIA GPUs or others, and its own chips.
_ACCELERATED = re.compile(r"(g|p|gr|trn|inf|dl|vt|f)\d")

TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"
INSTANCE = "aws:ec2/instance:Instance"
_CHOSEN_BY_ECS = "managedInstancesProvider.instanceLaunchTemplate.instanceRequirements.allowedInstanceTypes"


def _allowed_gpus(resource: Resource, scene: Scene) -> Iterator[str]:
    allowed = scene.context.allowed.gpu_kinds
    for wanted in dict.fromkeys(_instance_types(resource)):
        for kind in kinds_of(wanted):
            if kind not in allowed:
                what = f"has {kind} GPUs" if kind else "has an accelerator that the catalog does not know"
                yield f"{wanted} {what}; {scene.context.environment} allows {', '.join(allowed)}."


def _instance_types(resource: Resource) -> Iterator[str]:
    """The instance types that a resource may start, as it names them: `g6.xlarge`, or with a wildcard `g6.*`."""
    if resource.type == GROUP:
        yield from (each.text("instanceType") for each in resource.each(OVERRIDES) if each.has("instanceType"))
    elif resource.type == PROVIDER:
        yield from resource.texts(_CHOSEN_BY_ECS)
    elif resource.has("instanceType"):
        yield resource.text("instanceType")


def kinds_of(instance_type: str) -> tuple[str, ...]:
    """The kinds of GPU that a type or a wildcard can bring: none for a plain CPU, '' for one that the catalog lacks."""
    found = {each.kind for name, each in AWS.items() if fnmatchcase(name, instance_type)}
    return tuple(sorted(found)) or (("",) if _ACCELERATED.match(instance_type) else ())


RULES = (
    Rule(
        id="gpu-allow-list",
        title="Only kinds of GPU that the environment allows are rented.",
        why="One step up in the instance type multiplies the price. In dev nobody should rent an H100 by a slip.",
        severity=Severity.HIGH,
        enforcement=ALWAYS,
        types=(TEMPLATE, GROUP, PROVIDER, INSTANCE),
        reads={
            TEMPLATE: ("instanceType",),
            INSTANCE: ("instanceType",),
            GROUP: (OVERRIDES, f"{OVERRIDES}[].instanceType"),
            PROVIDER: (_CHOSEN_BY_ECS,),
        },
        remedy="Choose another trimaran:gpu.kind, or extend gpuKinds in policies/allowed.yaml.",
        check=_allowed_gpus,
    ),
)
