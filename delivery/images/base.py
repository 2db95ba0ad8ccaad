"""What an image of the app stands on: an image from a registry, held to its digest, or a Debian that is made here."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from delivery.cache import cache
from delivery.failure import Failure
from delivery.images.engines import Engine
from delivery.terminal import say

LOCAL = "local"
# Debian's stable release but one, which has the oldest Python that the kit takes, 3.11 (checked 2026-12-01).
_SUITE = "bookworm"
_PACKAGES = "python3,python3-venv,python-is-python3,ca-certificates,libgomp1"
_OPTIONS = (
    "--variant=minbase",
    f"--include={_PACKAGES}",
    "--skip=output/dev",
    *(f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in ("doc", "man", "info", "locale")),
)
_FRESH_S = 7 * 24 * 3600  # older than a week it may lack a security fix that is out


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """`reference` is what the engine is told, `digest` the image's own."""

    name: str
    digest: str
    reference: str


def resolve(engine: Engine, wanted: str) -> Base:
    """The base to build on, present on this machine. A tag is told by the digest that it means today. Raises Failure."""
    if wanted == LOCAL:
        return _made_here(engine)
    name, _, digest = wanted.partition("@")
    say(f"base: {wanted} …")
    try:
        engine.run(engine.words(engine.pull, image=wanted), f"the base {wanted} cannot be had")
    except Failure as failure:
        raise Failure(
            failure.sentence,
            "name one that can be reached: ./trimaran image build --base NAME@sha256:…; or --base local makes a Debian here",
        ) from None
    digest = digest or engine.digest_of(wanted)
    path, slash, last = name.rpartition("/")
    reference = f"{path}{slash}{last.partition(':')[0]}@{digest}"
    say(f"base: the same again with --base {reference}")
    return Base(name=name, digest=digest, reference=reference)


def _made_here(engine: Engine) -> Base:
    archive = _archive()
    with archive.open("rb") as handle:
        digest = hashlib.file_digest(handle, "sha256").hexdigest()
    reference = f"localhost/trimaran/base:{digest[:12]}"
    try:
        return Base(name=reference, digest=engine.digest_of(reference), reference=reference)
    except Failure:
        say(f"base: taking {archive} in …")
    with TemporaryDirectory(prefix="trimaran-base-") as scratch:
        (context := Path(scratch)).joinpath("Dockerfile").write_text("FROM scratch\nADD base.tar /\n")
        context.joinpath("ignored").touch()
        shutil.copy(archive, context / "base.tar")
        words = engine.words(
            engine.build, image=reference, file=context / "Dockerfile", ignored=context / "ignored", epoch=0
        )
        engine.run([*words, scratch], "the base was not taken in")
    return Base(name=reference, digest=engine.digest_of(reference), reference=reference)


def _archive() -> Path:
    """The file system of a Debian with Python, made by mmdebstrap where none is there or it is old. Raises Failure."""
    folder = cache() / "containers"
    options = hashlib.sha256("\n".join((_SUITE, *_OPTIONS)).encode()).hexdigest()[:8]
    archive = folder / f"{_SUITE}-{options}.tar"
    if archive.exists() and time.time() - archive.stat().st_mtime < _FRESH_S:
        return archive
    if shutil.which("mmdebstrap") is None:
        raise Failure("a base cannot be made here: mmdebstrap is not installed.", "sudo apt-get install mmdebstrap")
    say("base: making a Debian with Python from its packages, which takes a minute or two …")
    folder.mkdir(parents=True, exist_ok=True)
    scratch = archive.with_suffix(".new.tar")
    done = subprocess.run(["mmdebstrap", *_OPTIONS, _SUITE, str(scratch)], stdout=sys.stderr, check=False)
    if done.returncode:
        raise Failure(f"mmdebstrap ended with status {done.returncode}; what it said is above.", "mmdebstrap --version")
    os.replace(scratch, archive)
    return archive
