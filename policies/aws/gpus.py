"""Which GPUs may be rented in which environment."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase

from catalog.gpu import AWS
from plan.inputs import Inputs, known_first
from policies.aws.scaling import GROUP, OVERRIDES, PROVIDER
from policies.check import Check, Checks, Scene, in_turn, together

# Families that AWS rents with an accelerator: G and P with NVIDIA GPUs or others, and its own chips.
_ACCELERATED = re.compile(r"(g|p|gr|trn|inf|dl|vt|f)\d")

TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"
INSTANCE = "aws:ec2/instance:Instance"
_BY_ATTRIBUTES = "instanceRequirements"
_CHOSEN_BY_ECS = f"managedInstancesProvider.instanceLaunchTemplate.{_BY_ATTRIBUTES}"
# What of such a block says which accelerators may come.
_ATTRIBUTES = (
    "acceleratorCount.max",
    "acceleratorManufacturers",
    "acceleratorNames",
    "acceleratorTypes",
    "allowedInstanceTypes",
    "excludedInstanceTypes",
)


def _reads(block: str) -> tuple[str, ...]:
    return (block, *(f"{block}.{each}" for each in _ATTRIBUTES))


def _of_the_type(resource: Inputs, scene: Scene) -> Iterator[str]:
    if resource.has("instanceType"):
        yield from _allowed((resource.text("instanceType"),), scene)


def _of_a_template(template: Inputs, scene: Scene) -> Iterator[str]:
    yield from together(_of_the_type(template, scene), _by_attributes(template, _BY_ATTRIBUTES, scene))


def _of_a_group(group: Inputs, scene: Scene) -> Iterator[str]:
    overrides = group.each(OVERRIDES)
    named = [each for each in overrides if each.has("instanceType")]
    yield from together(
        _allowed(known_first(named, lambda each: each.text("instanceType")), scene),
        in_turn(overrides, lambda each: _by_attributes(each, _BY_ATTRIBUTES, scene)),
    )


def _chosen_by_ecs(provider: Inputs, scene: Scene) -> Iterator[str]:
    yield from _by_attributes(provider, _CHOSEN_BY_ECS, scene)


def _by_attributes(holder: Inputs, block: str, scene: Scene) -> Iterator[str]:
    """What is wrong with instances that AWS chooses by attributes: it may take whatever these leave open."""
    if not holder.has(block):
        return
    if holder.has(f"{block}.allowedInstanceTypes"):
        yield from _allowed(holder.each_text(f"{block}.allowedInstanceTypes"), scene)
        return
    allowed = scene.context.allowed.gpu_kinds
    open_ = [each for each in _left_open(holder, block) if each not in allowed]
    if open_:
        shown = ", ".join(each or "accelerators that the catalog does not know" for each in open_)
        yield f"{block} lets AWS choose {shown}; {scene.context.environment} allows {', '.join(allowed)}."


def _left_open(holder: Inputs, block: str) -> tuple[str, ...]:
    """The kinds of accelerator that attributes leave open, '' for one that the catalog lacks; all where they speak of none
    (docs.aws.amazon.com/AWSEC2/latest/APIReference/API_InstanceRequirements.html, read 2026-11-30). Raises NotKnown.
    """
    if holder.whole(f"{block}.acceleratorCount.max") == 0:
        return ()
    excluded = holder.texts(f"{block}.excludedInstanceTypes")
    names = holder.texts(f"{block}.acceleratorNames")
    kinds = {each.kind for name, each in AWS.items() if not any(fnmatchcase(name, some) for some in excluded)}
    # The catalog has NVIDIA's only.
    for attribute, ours in (("acceleratorManufacturers", "nvidia"), ("acceleratorTypes", "gpu")):
        wanted = holder.texts(f"{block}.{attribute}")
        if wanted and ours not in wanted:
            kinds = set()
    if names:
        # AWS calls both kinds of A100 `a100`.
        known = {each.lower().partition("-")[0] for each in kinds}
        kinds = {each for each in kinds if each.lower().partition("-")[0] in names}
        return (*sorted(kinds), *([] if set(names) <= known else [""]))
    return (*sorted(kinds), "")


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
        TEMPLATE: Check(judge=_of_a_template, reads=("instanceType", *_reads(_BY_ATTRIBUTES))),
        GROUP: Check(
            judge=_of_a_group,
            reads=(OVERRIDES, f"{OVERRIDES}[].instanceType", *_reads(f"{OVERRIDES}[].{_BY_ATTRIBUTES}")),
        ),
        PROVIDER: Check(judge=_chosen_by_ecs, reads=_reads(_CHOSEN_BY_ECS)),
        INSTANCE: Check(judge=_of_the_type, reads=("instanceType",)),
    },
}
