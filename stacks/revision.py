"""A revision names what runs: the first 12 hex digits of a sha256 over (image or source tree, settings)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path

# What the app on this machine is made of. Prices and the like change no answer, so the rest of the catalog stays out.
SOURCES = ("app/**/*.py", "app/web/**/*", "catalog/models.py", "requirements/base.txt", "requirements/local.txt")


def revision(artefact: str, settings: Mapping[str, str]) -> str:
    """The revision of an image digest (or a source tree's hash) run with these settings."""
    canonical = json.dumps(dict(settings), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(f"{artefact}\n{canonical}".encode()).hexdigest()[:12]


def source_tree(root: Path) -> str:
    """A sha256 over path and content of every file the app is made of; the same in every clone with the same files."""
    total = hashlib.sha256()
    for path in sorted(set(_files(root))):
        content = hashlib.sha256((root / path).read_bytes()).hexdigest()
        total.update(f"{path}\0{content}\n".encode())
    return total.hexdigest()


def _files(root: Path) -> Iterator[str]:
    for pattern in SOURCES:
        for path in root.glob(pattern):
            if path.is_file() and path.suffix != ".pyc":
                yield path.relative_to(root).as_posix()
