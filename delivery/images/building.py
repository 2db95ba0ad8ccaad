"""`image build`: a variant's Dockerfile, its arguments from this clone and from a person, the engine's own progress on stderr."""

from __future__ import annotations

import os
import re
import time
import tomllib
from collections.abc import Sequence
from pathlib import Path

from delivery.failure import ExitCode, Failure
from delivery.images import base, engines, sources
from delivery.images.variants import image_of, recipe_of
from delivery.terminal import data, say

_OURS = frozenset({"BASE", "BASE_NAME", "BASE_DIGEST", "SOURCE_DATE_EPOCH", "VERSION", "REVISION", "CREATED"})
# The first of the year in which the image was made: any fixed time will do, and zip files begin in 1980.
EPOCH = "1767225600"
# Arguments that a person may give whose value is the end of a file's name in requirements/, and the value besides that.
_FILES = {"VARIANT": ("app", "slim"), "WEIGHTS": ("app", "none"), "ENGINE": ("engine", "")}
_CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"


def build(root: Path, variant: str, wanted_base: str, given: Sequence[str]) -> None:
    """Build a variant and say its name. ``given``: more arguments for the Dockerfile, `NAME=VALUE`. Raises Failure."""
    image = image_of(root, variant)
    _refuse_wrong(root, recipe_of(variant).dockerfile, given)
    engine, began_s = engines.found(), time.monotonic()
    say(f"{image}: building with {engine.name}")
    words = command(root, engine, variant, base.resolve(engine, wanted_base or recipe_of(variant).base), given)
    engine.run(words, f"{image} was not built", shown=True, hint="docs/images.md says what each argument takes")
    say(f"{image}: built in {time.monotonic() - began_s:.0f} s; next: ./trimaran image sizes")
    data(image)


def _refuse_wrong(root: Path, dockerfile: str, given: Sequence[str]) -> None:
    """An argument that the Dockerfile does not have is passed over by those that build, and one of our own would contradict the labels."""
    known = set(re.findall(r"^ARG (\w+)", (root / dockerfile).read_text(), re.MULTILINE))
    free = sorted(known - _OURS)
    for each in given:
        name, sign, value = each.partition("=")
        if not sign or name not in free:
            raise Failure(
                f"--build-arg {each}: {dockerfile} takes {', '.join(f'{one}=…' for one in free)} from here.",
                "--base and SOURCE_DATE_EPOCH are set otherwise (docs/images.md)",
                ExitCode.USAGE,
            )
        prefix, besides = _FILES.get(name, ("", value))
        if value != besides and not (root / f"requirements/{prefix}-{value}.txt").exists():
            files = sorted(
                path.stem.removeprefix(f"{prefix}-") for path in (root / "requirements").glob(f"{prefix}-*.txt")
            )
            raise Failure(
                f"--build-arg {each}: {name} is one of {', '.join([besides, *files] if besides else files)}.",
                exit_code=ExitCode.USAGE,
            )


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
