"""What a person types after `image`. Imports nothing heavy: the help of every command passes here."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from delivery.platforms.targets import stack_name

ROOT = Path(__file__).resolve().parents[2]

image = typer.Typer(name="image", help="The app's container images.", no_args_is_help=True)

Variant = Annotated[
    str,
    typer.Option(
        "--variant", metavar="NAME", help="slim, embedded (with the small model), lambda, gpu, or a cloud's own."
    ),
]
Stack = Annotated[
    str, typer.Argument(metavar="STACK", help="<target>-<dev|staging|prod>; a target alone is its dev stack.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


@image.command()
def build(
    variant: Variant = "slim",
    base: Annotated[
        str,
        typer.Option("--base", metavar="IMAGE", help="What it stands on, best by digest; `local` makes a Debian here."),
    ] = "",
    build_arg: Annotated[
        list[str] | None,
        typer.Option("--build-arg", metavar="NAME=VALUE", help="An argument of the Dockerfile; may be repeated."),
    ] = None,
) -> None:
    """Build an image with buildah, podman or docker, whichever works first, and print its name."""
    from delivery.images import building

    building.build(ROOT, variant, base, build_arg or ())


@image.command()
def sizes(as_json: AsJson = False) -> None:
    """Say of every image built here what it weighs and how soon it is ready."""
    from delivery.images import sizes as module

    module.show(ROOT, as_json=as_json)


@image.command()
def push(stack: Stack, variant: Variant = "slim") -> None:
    """Push an image to the registry that a stack's config names, and write its digest there."""
    from delivery.images import push as module

    module.push(ROOT, stack_name(stack), variant)


@image.command()
def sbom(variant: Variant = "slim") -> None:
    """Print what is in an image as CycloneDX JSON, with syft."""
    from delivery.images import supply

    supply.sbom(ROOT, variant)


@image.command()
def sign(stack: Stack) -> None:
    """Sign the images that a stack runs, with cosign."""
    from delivery.images import supply

    supply.sign(ROOT, stack_name(stack))
