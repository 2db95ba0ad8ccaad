"""Which images run: by digest, from a registry that is known, out of a repository that never changes a tag."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fnmatch import fnmatchcase

from policies.containers import DEFINITIONS, TASK, called, containers
from policies.planned import NotKnown, Resource, is_unknown
from policies.rule import ALWAYS, Rule, Scene, Severity

FUNCTION = "aws:lambda/function:Function"
REPOSITORY = "aws:ecr/repository:Repository"
_DIGEST = re.compile(r"@sha256:[0-9a-f]{64}$")
_IMMUTABLE = ("IMMUTABLE", "IMMUTABLE_WITH_EXCLUSION")


def _digest(resource: Resource, scene: Scene) -> Iterator[str]:
    for where, image in _images(resource):
        if not _DIGEST.search(image):
            yield f"{where} is '{image}', which can be another image tomorrow."


def _registry(resource: Resource, scene: Scene) -> Iterator[str]:
    for where, image in _images(resource):
        name = _full_name(image)
        if not any(fnmatchcase(name, pattern) for pattern in scene.context.allowed.registries):
            yield f"{where} comes from '{name}', which is no registry of yours."


def _immutable(repository: Resource, scene: Scene) -> Iterator[str]:
    mutability = repository.text("imageTagMutability", "MUTABLE")
    if mutability not in _IMMUTABLE:
        yield f"imageTagMutability is {mutability}, so a tag can be pushed over."
    if not repository.flag("imageScanningConfiguration.scanOnPush"):
        yield "imageScanningConfiguration.scanOnPush is not true, so nobody hears of known holes."


def _images(resource: Resource) -> Iterator[tuple[str, str]]:
    """Where an image is named and what it is. Raises NotKnown."""
    if resource.type == FUNCTION:
        if resource.has("imageUri"):
            yield "imageUri", resource.text("imageUri")
        return
    for container in containers(resource):
        image = str(container.get("image", ""))
        if is_unknown(image):
            raise NotKnown(f"the image of {called(container)} is not known before the first `up`")
        yield f"the image of {called(container)}", image


def _full_name(image: str) -> str:
    """registry/name without tag and digest, with what a short name stands for."""
    name = image.partition("@")[0]
    registry, slash, rest = name.partition("/")
    if not slash or not re.search(r"[.:]|^localhost$", registry):
        registry, rest = "docker.io", name if slash else f"library/{name}"
    return f"{registry}/{rest.partition(':')[0]}"


RULES = (
    Rule(
        id="image-digest",
        title="Every image is named by its digest.",
        why="What was tested is what runs, on every scale-out and after every rollback. A tag promises neither.",
        severity=Severity.HIGH,
        enforcement=ALWAYS,
        types=(TASK, FUNCTION),
        reads={TASK: (DEFINITIONS,), FUNCTION: ("imageUri",)},
        remedy="Name it as registry/name@sha256:<64 hex digits>; docker push prints it.",
        check=_digest,
    ),
    Rule(
        id="registry-allow-list",
        title="Images come from registries that are on the list.",
        why="An image from somewhere else was not built, scanned or signed by the pipeline.",
        severity=Severity.HIGH,
        enforcement=ALWAYS,
        types=(TASK, FUNCTION),
        reads={TASK: (DEFINITIONS,), FUNCTION: ("imageUri",)},
        remedy="Copy it into your own registry, or extend registries in policies/allowed.yaml.",
        check=_registry,
    ),
    Rule(
        id="immutable-tags",
        title="A registry never lets a tag be pushed over, and scans what is pushed.",
        why="People read tags, also those who look for what ran last week.",
        severity=Severity.MEDIUM,
        enforcement=ALWAYS,
        types=(REPOSITORY,),
        reads={REPOSITORY: ("imageScanningConfiguration.scanOnPush", "imageTagMutability")},
        remedy="Set imageTagMutability to IMMUTABLE and scanOnPush to true.",
        check=_immutable,
    ),
)
