"""`image sbom` and `image sign`: done by the programs that are made for it, syft and cosign, where they are installed."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from delivery.failure import ExitCode, Failure
from delivery.images import archive, engines
from delivery.images.variants import image_of, stack_images
from delivery.stack_file import StackFile
from delivery.terminal import say


def sbom(root: Path, variant: str) -> None:
    """Print what is in a variant as CycloneDX JSON: Debian's packages and Python's. Raises Failure."""
    image = image_of(root, variant)
    program = _program("syft", "lists what is in an image", "go install github.com/anchore/syft/cmd/syft@latest")
    with TemporaryDirectory(prefix="trimaran-sbom-") as scratch:
        file = archive.saved(engines.found(), image, Path(scratch, "image.tar"))
        _run([program, "scan", f"docker-archive:{file}", "--output", "cyclonedx-json"])


def sign(root: Path, stack: str) -> None:
    """Sign the images that a stack's config names, where they lie in their registries. Raises Failure."""
    file = StackFile(root=root, stack=stack)
    file.ensure()
    images = stack_images(file.parse()).values()
    if not images:
        raise Failure(f"stack '{stack}' names no image to sign.", f"./trimaran image push {stack}", ExitCode.USAGE)
    program = _program("cosign", "signs images", "go install github.com/sigstore/cosign/v2/cmd/cosign@latest")
    for image in images:
        _run([program, "sign", "--yes", image])
        say(f"signed: {image}")


def _program(name: str, does: str, how: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise Failure(f"{name}, which {does}, is not installed.", how)
    return found


def _run(words: list[str]) -> None:
    done = subprocess.run(words, stdout=sys.stdout, stderr=sys.stderr, check=False)
    if done.returncode:
        raise Failure(
            f"{Path(words[0]).name} ended with status {done.returncode}; what it said is above.", " ".join(words)
        )
