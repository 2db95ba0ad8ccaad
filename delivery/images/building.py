"""`image build`: a variant's Dockerfile, its arguments from this clone and from a person, the engine's own progress on stderr."""

from __future__ import annotations

import os
import time
import tomllib
from collections.abc import Sequence
from pathlib import Path

from delivery.images import base, engines, sources
from delivery.images.variants import image_of, recipe_of
from delivery.terminal import data, say

# The first of the year in which the image was made: any fixed time will do, and zip files begin in 1980.
EPOCH = "1767225600"
_CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"


def build(root: Path, variant: str, wanted_base: str, given: Sequence[str]) -> None:
    """Build a variant and say its name. ``given``: more arguments for the Dockerfile, `NAME=VALUE`. Raises Failure."""
    image, engine = image_of(root, variant), engines.found()
    began_s = time.monotonic()
    say(f"{image}: building with {engine.name}")
    words = command(root, engine, variant, base.resolve(engine, wanted_base or recipe_of(variant).base), given)
    engine.run(words, f"{image} was not built", shown=True)
    say(f"{image}: built in {time.monotonic() - began_s:.0f} s; next: ./trimaran image sizes")
    data(image)


def command(root: Path, engine: engines.Engine, variant: str, on: base.Base, given: Sequence[str] = ()) -> list[str]:
    """What the engine is told."""
    source, epoch = sources.read(root), os.environ.get("SOURCE_DATE_EPOCH", EPOCH)
    arguments = {
        "BASE": on.reference,
        "BASE_NAME": on.name,
        "BASE_DIGEST": on.digest,
        "VARIANT": variant,
        "SOURCE_DATE_EPOCH": epoch,
        "VERSION": tomllib.loads((root / "pyproject.toml").read_text())["project"]["version"],
        "REVISION": source.revision,
        "CREATED": source.created,
    }
    recipe = recipe_of(variant)
    file = root / recipe.dockerfile
    words = engine.words(
        engine.build, image=image_of(root, variant), file=file, ignored=f"{file}.dockerignore", epoch=epoch
    )
    words += ["--target", recipe.stage] if recipe.stage else []
    for argument in (*(f"{name}={value}" for name, value in arguments.items()), *given):
        words += ["--build-arg", argument]
    # Behind a company's proxy pip needs the machine's certificates. As a secret they are in no layer.
    if Path(_CERTIFICATES).exists():
        words += ["--secret", f"id=certificates,src={_CERTIFICATES}"]
    return [*words, str(root)]
