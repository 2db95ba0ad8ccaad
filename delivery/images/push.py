"""`image push`: an image into the registry that a stack's config names, and its digest into that config.

Pushed under a tag, for registries ask for one; what the stack runs is the digest.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from delivery.failure import ExitCode, Failure
from delivery.images import archive, engines, sources
from delivery.images.variants import GPU, image_of, recipe_of, stack_images
from delivery.stack_file import StackFile
from delivery.terminal import data, say

# What the stacks' tasks and GPU hosts are: stacks/aws/components/api_service.py says X86_64.
PLATFORM = "linux/amd64"


def push(root: Path, stack: str, variant: str) -> None:
    """Push a variant for a stack and write its digest into the stack's config. Raises Failure."""
    image, key = image_of(root, variant), recipe_of(variant).key
    repository, config = _wanted(root, stack, variant)
    engine, source = engines.found(), sources.read(root)
    inside = archive.contents(engine, image)
    _refuse_platform(image, inside.platform)
    revision = inside.labels.get("org.opencontainers.image.revision", "")
    if key == recipe_of(GPU).key:
        _refuse_other_server(image, inside.labels, config)
    if config.environment == "prod":
        _refuse_unknown_source(image, revision, source)
    target = f"{repository}:{revision[:12] or 'unknown'}{'-dirty' * revision.endswith('-dirty')}-{variant}"
    say(f"{image}: pushing to {target} with {engine.name}")
    pushed = f"{repository}@{engine.pushed(image, target)}"
    StackFile(root=root, stack=stack).write({key: pushed})
    say(f"{stack} has it in its config; next: ./trimaran rehearse {stack}, then ./trimaran up {stack}")
    data(pushed)


def _wanted(root: Path, stack: str, variant: str) -> tuple[str, Any]:
    """The repository that this image of the stack's is in, and the stack's config. Raises Failure."""
    key = recipe_of(variant).key
    if not key:
        raise Failure(
            f"no stack takes the image '{variant}' yet, so nothing says where it goes.",
            f"push it with the program that built it: buildah push {image_of(root, variant)} REGISTRY/NAME:TAG",
            ExitCode.USAGE,
        )
    file = StackFile(root=root, stack=stack)
    file.ensure()
    config = file.parse()
    named = stack_images(config).get(key)
    if not hasattr(config, key.partition(".")[0]):
        raise Failure(f"stack '{stack}' runs no image: its target has no {key}.", exit_code=ExitCode.USAGE)
    if named is None:
        raise Failure(
            f"stack '{stack}' names no {key}, so there is no registry to push '{variant}' to.",
            f"write registry/name@sha256:… as trimaran:{key} into {file.path.relative_to(root)}; zeros will do for a digest",
            ExitCode.USAGE,
        )
    return named.partition("@")[0], config


def _refuse_platform(image: str, platform: str) -> None:
    if platform != PLATFORM:
        raise Failure(
            f"{image} is for {platform}, and the stack runs on {PLATFORM}: it would not start there.",
            f"build it on a machine of {PLATFORM}",
            ExitCode.GATE_SAID_NO,
        )


def _refuse_other_server(image: str, labels: Mapping[str, str], config: Any) -> None:
    """The image has the model server that the stack starts, and reads the bucket that the stack gives it."""
    server, weights = labels.get("trimaran.engine"), labels.get("trimaran.weights")
    cloud = config.target.partition("-")[0]
    wanted = (("ENGINE", server, str(config.engine.kind)), ("WEIGHTS", weights, cloud))
    if wrong := [(argument, wants) for argument, has, wants in wanted if has != wants]:
        raise Failure(
            f"{image} was built with ENGINE={server} and WEIGHTS={weights}, and the stack's engine needs"
            f" {' and '.join(f'{argument}={wants}' for argument, wants in wrong)}.",
            "./trimaran image build --variant gpu "
            + " ".join(f"--build-arg {argument}={wants}" for argument, _, wants in wanted),
            ExitCode.GATE_SAID_NO,
        )


def _refuse_unknown_source(image: str, revision: str, source: sources.Source) -> None:
    """What runs in prod can be found again: it is a commit, and the one that is checked out."""
    if source.is_dirty:
        raise Failure(
            "the working tree differs from its commit, and prod takes committed sources only.",
            "git status; commit, then ./trimaran image build",
            ExitCode.GATE_SAID_NO,
        )
    if revision != source.commit:
        raise Failure(
            f"{image} was built from {revision or 'nobody knows what'}, and the commit here is {source.commit}.",
            "./trimaran image build",
            ExitCode.GATE_SAID_NO,
        )
