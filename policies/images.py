"""What is wrong with the name of an image, whatever cloud runs it: no digest, or a registry that is not on the list."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fnmatch import fnmatchcase

from policies.check import Scene

_DIGEST = re.compile(r"@sha256:[0-9a-f]{64}$")


def not_pinned(where: str, image: str) -> Iterator[str]:
    """A sentence where an image is not named by its digest; `where` says which it is."""
    if not _DIGEST.search(image):
        yield f"{where} is '{image}', which can be another image tomorrow."


def not_ours(where: str, image: str, scene: Scene) -> Iterator[str]:
    """A sentence where an image is from a registry that is not allowed."""
    name = _full_name(image)
    if not any(_is_from(name, pattern) for pattern in scene.context.allowed.registries):
        yield f"{where} comes from '{name}', which is no registry of yours."


def _is_from(name: str, pattern: str) -> bool:
    """Whether a pattern covers a name: its registry part by part, so that no wildcard reaches beyond a dot, and then its path."""
    (host, _, path), (wanted_host, _, wanted_path) = name.partition("/"), pattern.partition("/")
    labels, wanted = host.split("."), wanted_host.split(".")
    return len(labels) == len(wanted) and all(map(fnmatchcase, labels, wanted)) and fnmatchcase(path, wanted_path)


def _full_name(image: str) -> str:
    """registry/name without tag and digest, with what a short name stands for."""
    name = image.partition("@")[0]
    registry, slash, rest = name.partition("/")
    if not slash or not re.search(r"[.:]|^localhost$", registry):
        registry, rest = "docker.io", name if slash else f"library/{name}"
    return f"{registry}/{rest.partition(':')[0]}"
