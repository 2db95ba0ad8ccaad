"""The programs that make images: which of them works on this machine, and what each is told."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from delivery.failure import Failure

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_PROBE_S = 20
# Runs the steps of a build where there is neither a container runtime nor cgroups; whoever has set another keeps it.
_ENVIRONMENT = {"BUILDAH_ISOLATION": "chroot"}
_HARDENED = "--read-only --tmpfs /tmp --cap-drop ALL --security-opt no-new-privileges --network host"
# Docker's own format: OCI's has no place for the health check.
_BUILD = "build --format docker --layers --force-rm --network host --timestamp {epoch} --ignorefile {ignored} --tag {image} --file {file}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """One program, with its commands as it spells them. `pushed_digest` is read from `{digest_file}` or from what `push` prints."""

    name: str
    probe: str
    build: str
    pull: str
    digest: str
    save: str
    push: tuple[str, ...]
    start: str
    container: str = ""
    remove: str = ""

    def words(self, command: str, **values: object) -> list[str]:
        """A command with its values in place, which may have spaces in them."""
        return [word.format_map(values) for word in shlex.split(command)]

    def run(self, words: Sequence[str], what: str, *, shown: bool = False, hint: str = "") -> str:
        """What a command prints, or nothing where it is `shown` on stderr instead. Raises Failure that says `what` failed.

        The hint is the command itself where there is none better.
        """
        done = subprocess.run(
            words,
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            stdout=sys.stderr if shown else subprocess.PIPE,
            stderr=sys.stderr if shown else subprocess.STDOUT,
            text=True,
            check=False,
        )
        said = done.stdout or ""
        if done.returncode:
            why = "what it said is above" if shown else (said.strip().splitlines() or ["it said nothing"])[-1]
            raise Failure(f"{what}: {self.name} ended with status {done.returncode}; {why}", hint or shlex.join(words))
        return said

    def environment(self) -> Mapping[str, str]:
        return {**_ENVIRONMENT, **os.environ}

    def works(self) -> bool:
        try:
            done = subprocess.run(
                shlex.split(self.probe), env=self.environment(), capture_output=True, timeout=_PROBE_S, check=False
            )
        except (OSError, subprocess.TimeoutExpired):
            return False
        return done.returncode == 0

    def digest_of(self, image: str) -> str:
        """The digest of an image that is here, `sha256:…`. Raises Failure."""
        found = _DIGEST.search(self.run(self.words(self.digest, image=image), f"{image} is not here"))
        return found[0] if found else ""

    def pushed(self, image: str, target: str) -> str:
        """Push an image to `registry/name:tag` and tell the digest that the registry knows it by. Raises Failure."""
        with TemporaryDirectory(prefix="trimaran-push-") as scratch:
            file = Path(scratch, "digest")
            for command in self.push:
                said = self.run(
                    self.words(command, image=image, target=target, digest_file=file), f"{target} was not pushed"
                )
            found = _DIGEST.search(file.read_text() if file.exists() else said)
        if found is None:
            raise Failure(f"{self.name} pushed {target} and did not say its digest.", f"{self.name} --version")
        return found[0]


ENGINES = (
    Engine(
        name="buildah",
        probe="buildah info",
        build=f"buildah {_BUILD}",
        pull="buildah pull --quiet {image}",
        digest="buildah inspect --type image --format '{{{{.FromImageDigest}}}}' {image}",
        save="buildah push --quiet {image} docker-archive:{file}",
        push=("buildah push --quiet --digestfile {digest_file} {image} docker://{target}",),
        container="buildah from --quiet {image}",
        start="buildah run --network host {environment} {container} -- python3 -m app.main",
        remove="buildah rm {container}",
    ),
    Engine(
        name="podman",
        probe="podman info",
        build=f"podman {_BUILD}",
        pull="podman pull --quiet {image}",
        digest="podman image inspect --format '{{{{.Digest}}}}' {image}",
        save="podman save --format docker-archive --output {file} {image}",
        push=("podman push --quiet --digestfile {digest_file} {image} docker://{target}",),
        start=f"podman run --rm {_HARDENED} {{environment}} {{image}}",
    ),
    Engine(
        name="docker",
        probe="docker info",
        # It finds the list of what is ignored by its name, beside the Dockerfile.
        build="docker buildx build --load --network host --tag {image} --file {file}",
        pull="docker pull --quiet {image}",
        digest="docker image inspect --format '{{{{.RepoDigests}}}}' {image}",
        save="docker save --output {file} {image}",
        push=("docker tag {image} {target}", "docker push {target}"),
        start=f"docker run --rm {_HARDENED} {{environment}} {{image}}",
    ),
)


def found() -> Engine:
    """The first engine that works here. Raises Failure."""
    for engine in ENGINES:
        if engine.works():
            return engine
    names = ", ".join(engine.name for engine in ENGINES)
    raise Failure(
        f"nothing on this machine makes images: of {names} none is installed and works.",
        "sudo apt-get install buildah, or start docker's daemon",
    )
