"""What is in an image, read from the archive that every engine can write: its layers with their sizes, and its config."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from delivery.failure import Failure
from delivery.images.engines import Engine


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """`layers`: the digest of each and its size in bytes, not compressed, the app's own last."""

    layers: tuple[tuple[str, int], ...]
    platform: str
    labels: Mapping[str, str]
    config: Mapping[str, Any]

    @property
    def bytes(self) -> int:
        return sum(size for _, size in self.layers)


def contents(engine: Engine, image: str) -> Contents:
    """What is in an image on this machine. Raises Failure where it is not there."""
    with TemporaryDirectory(prefix="trimaran-image-") as scratch:
        return read(saved(engine, image, Path(scratch, "image.tar")))


def saved(engine: Engine, image: str, file: Path) -> Path:
    """Write an image into a file. Raises Failure where it is not there."""
    try:
        engine.digest_of(image)
    except Failure:
        variant = image.rpartition(":")[2]
        raise Failure(f"{image} is not built here.", f"./trimaran image build --variant {variant}") from None
    engine.run(engine.words(engine.save, image=image, file=file), f"{image} cannot be read")
    return file


def read(file: Path) -> Contents:
    """What such a file says."""
    with tarfile.open(file) as archive:

        def document(name: str) -> Any:
            handle = archive.extractfile(name)
            assert handle is not None
            return json.load(handle)

        listed = document("manifest.json")[0]
        config = document(listed["Config"])
        sizes = [archive.getmember(name).size for name in listed["Layers"]]
    return Contents(
        layers=tuple(zip(config["rootfs"]["diff_ids"], sizes, strict=True)),
        platform=f"{config['os']}/{config['architecture']}",
        labels=config["config"].get("Labels") or {},
        config=config["config"],
    )
