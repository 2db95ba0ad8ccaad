"""The data that `catalog/rehearsal/<package>/` has of a Pulumi package; a table that nobody wrote is empty."""

from __future__ import annotations

import functools
import tomllib
from pathlib import Path
from typing import Any

from catalog import rehearsal


@functools.cache
def table(package: str, name: str) -> dict[str, Any]:
    """A package's table by its file's name, without the ending."""
    path = Path(rehearsal.__path__[0]) / package / f"{name}.toml"
    return tomllib.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
