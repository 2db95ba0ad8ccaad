"""Data files of installed packages, read without importing the packages."""

from __future__ import annotations

import functools
import gzip
import importlib.metadata
import importlib.util
import json
from pathlib import Path
from typing import Any


@functools.cache
def directory(package: str) -> Path | None:
    """Where an installed package's files are; None when it is not installed."""
    spec = importlib.util.find_spec(package)
    return Path(spec.submodule_search_locations[0]) if spec and spec.submodule_search_locations else None


def version(distribution: str) -> str:
    """The version of an installed distribution, or an empty text."""
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return ""


def read_json(path: Path) -> Any:
    """A JSON file, compressed or not, without the prose in it: that is most of a schema's memory."""
    if path.suffix == ".gz":
        with gzip.open(path, "rt", encoding="utf-8") as file:
            return json.load(file, object_hook=_without_prose)
    return json.loads(path.read_text(encoding="utf-8"), object_hook=_without_prose)


def _without_prose(document: dict[str, Any]) -> dict[str, Any]:
    for key in ("documentation", "description"):
        if isinstance(document.get(key), str):
            del document[key]
    return document
