"""What images of the app there are: the slim one, one for each requirements file that comes on top of it, and those that are made otherwise."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from delivery.failure import ExitCode, Failure

SLIM = "slim"
EMBEDDED = "embedded"
LAMBDA = "lambda"
GPU = "gpu"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """``dockerfile`` and the stage of it that is the image, the last where none is named; ``base``: what it stands on.

    ``key``: where the config of a stack names it; empty where no target takes it yet.
    """

    dockerfile: str = "containers/app.Dockerfile"
    stage: str = ""
    base: str = "python:3.13-slim-bookworm"
    key: str = "image"


# Those that are no layer of packages. The GPU's base has the CUDA that vLLM's wheel is built for; NVIDIA's tag, checked 2026-12-01 in no registry.
_OTHERS = {
    LAMBDA: Recipe(stage="lambda", key=""),
    GPU: Recipe(
        dockerfile="containers/gpu.Dockerfile", base="nvidia/cuda:13.0.2-runtime-ubuntu24.04", key="engine.image"
    ),
}


def variants(root: Path) -> list[str]:
    """The names of all variants, slim first."""
    packages = sorted(path.stem.removeprefix("app-") for path in (root / "requirements").glob("app-*.txt"))
    return [SLIM, *packages, *_OTHERS]


def recipe_of(variant: str) -> Recipe:
    """How a variant is made."""
    return _OTHERS.get(variant, Recipe())


def stack_images(config: object) -> dict[str, str]:
    """The images that a stack's config names, by the key that names each."""
    found: dict[str, str] = {}
    for key in {recipe.key: None for recipe in (Recipe(), *_OTHERS.values())}:
        value: object = config
        for name in key.split("."):
            value = getattr(value, name, None)
        if isinstance(value, str) and value:
            found[key] = value
    return found


def image_of(root: Path, variant: str) -> str:
    """The name under which a variant is kept on this machine. Raises Failure for a variant that is not there."""
    there = variants(root)
    if variant not in there:
        raise Failure(
            f"there is no variant '{variant}' of the image. Variants: {', '.join(there)}.",
            "./trimaran image build --variant slim",
            ExitCode.USAGE,
        )
    return f"localhost/trimaran/app:{variant}"
