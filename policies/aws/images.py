"""Which images run: by digest, from a registry that is known, out of a repository that never changes a tag."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from plan.inputs import Inputs
from policies.aws.containers import DEFINITIONS, TASK, called, containers, text_in
from policies.check import Check, Checks, Scene, in_turn, together
from policies.images import not_ours, not_pinned

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
    "immutable-tags": {
        REPOSITORY: Check(judge=_immutable, reads=("imageScanningConfiguration.scanOnPush", "imageTagMutability")),
    },
}
