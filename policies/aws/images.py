"""Which images run, and which models they ask: by digest, from a known registry, with tags that never change, and none that is about to end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from plan.inputs import Inputs
from policies.aws.containers import DEFINITIONS, TASK, called, containers, maps_in, text_in
from policies.check import Check, Checks, Scene, in_turn, together
from policies.images import not_ours, not_pinned
from policies.models import ending

FUNCTION = "aws:lambda/function:Function"
REPOSITORY = "aws:ecr/repository:Repository"
_IMMUTABLE = ("IMMUTABLE", "IMMUTABLE_WITH_EXCLUSION")


def _digests(task: Inputs, scene: Scene) -> Iterator[str]:
    yield from in_turn(containers(task), lambda each: not_pinned(*_image(each)))


def _digest(function: Inputs, scene: Scene) -> Iterator[str]:
    if function.has("imageUri"):
        yield from not_pinned("imageUri", function.text("imageUri"))


def _registries(task: Inputs, scene: Scene) -> Iterator[str]:
    yield from in_turn(containers(task), lambda each: not_ours(*_image(each), scene))


def _registry(function: Inputs, scene: Scene) -> Iterator[str]:
    if function.has("imageUri"):
        yield from not_ours("imageUri", function.text("imageUri"), scene)


def _immutable(repository: Inputs, scene: Scene) -> Iterator[str]:
    yield from together(_mutable(repository), _not_scanned(repository))


def _mutable(repository: Inputs) -> Iterator[str]:
    mutability = repository.text("imageTagMutability", "MUTABLE")
    if mutability not in _IMMUTABLE:
        yield f"imageTagMutability is {mutability}, so a tag can be pushed over."


def _not_scanned(repository: Inputs) -> Iterator[str]:
    if not repository.flag("imageScanningConfiguration.scanOnPush"):
        yield "imageScanningConfiguration.scanOnPush is not true, so nobody hears of known holes."


def _models(task: Inputs, scene: Scene) -> Iterator[str]:
    yield from in_turn(containers(task), lambda each: _asked_by(each, scene))


def _asked_by(container: Mapping[str, Any], scene: Scene) -> Iterator[str]:
    yield from in_turn(
        maps_in(container, "environment"),
        lambda each: ending({str(each.get("name")): str(each.get("value", ""))}, called(container), scene),
    )


def _function_models(function: Inputs, scene: Scene) -> Iterator[str]:
    yield from ending(function.pairs("environment.variables"), "environment.variables", scene)


def _image(container: Mapping[str, Any]) -> tuple[str, str]:
    """Where an image is named and what it is. Raises NotKnown."""
    return f"the image of {called(container)}", text_in(container, "image")


CHECKS: Checks = {
    "image-digest": {
        TASK: Check(judge=_digests, reads=(DEFINITIONS,)),
        FUNCTION: Check(judge=_digest, reads=("imageUri",)),
    },
    "registry-allow-list": {
        TASK: Check(judge=_registries, reads=(DEFINITIONS,)),
        FUNCTION: Check(judge=_registry, reads=("imageUri",)),
    },
    "model-in-date": {
        TASK: Check(judge=_models, reads=(DEFINITIONS,)),
        FUNCTION: Check(judge=_function_models, reads=("environment.variables",)),
    },
    "immutable-tags": {
        REPOSITORY: Check(judge=_immutable, reads=("imageScanningConfiguration.scanOnPush", "imageTagMutability")),
    },
}
