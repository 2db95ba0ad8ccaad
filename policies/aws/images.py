"""Which images run: by digest, from a registry that is known, out of a repository that never changes a tag."""

from __future__ import annotations

from collections.abc import Iterator

from plan.inputs import Inputs, NotKnown
from plan.tokens import is_unknown
from policies.aws.containers import DEFINITIONS, TASK, called, containers
from policies.check import Check, Checks, Scene
from policies.images import not_ours, not_pinned

FUNCTION = "aws:lambda/function:Function"
REPOSITORY = "aws:ecr/repository:Repository"
_IMMUTABLE = ("IMMUTABLE", "IMMUTABLE_WITH_EXCLUSION")


def _digests(task: Inputs, scene: Scene) -> Iterator[str]:
    for where, image in _images(task):
        yield from not_pinned(where, image)


def _digest(function: Inputs, scene: Scene) -> Iterator[str]:
    if function.has("imageUri"):
        yield from not_pinned("imageUri", function.text("imageUri"))


def _registries(task: Inputs, scene: Scene) -> Iterator[str]:
    for where, image in _images(task):
        yield from not_ours(where, image, scene)


def _registry(function: Inputs, scene: Scene) -> Iterator[str]:
    if function.has("imageUri"):
        yield from not_ours("imageUri", function.text("imageUri"), scene)


def _immutable(repository: Inputs, scene: Scene) -> Iterator[str]:
    mutability = repository.text("imageTagMutability", "MUTABLE")
    if mutability not in _IMMUTABLE:
        yield f"imageTagMutability is {mutability}, so a tag can be pushed over."
    if not repository.flag("imageScanningConfiguration.scanOnPush"):
        yield "imageScanningConfiguration.scanOnPush is not true, so nobody hears of known holes."


def _images(task: Inputs) -> Iterator[tuple[str, str]]:
    """Where an image is named and what it is. Raises NotKnown."""
    for container in containers(task):
        image = str(container.get("image", ""))
        if is_unknown(image):
            raise NotKnown(f"the image of {called(container)} is not known before the first `up`")
        yield f"the image of {called(container)}", image


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
