"""`weights sync`: a pinned model's files into the bucket from which engines read them.

The manifest is written last: a model without one is not complete. Files that are there with the right size are not sent again.
"""

from __future__ import annotations

import hashlib
import io
import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Protocol, cast

from catalog.clouds import CLOUDS
from catalog.models import SERVED, ServedModel
from delivery.clouds.support import Bucket, supported
from delivery.failure import ExitCode, Failure
from delivery.terminal import data, say
from stacks.targets import nearest

MANIFEST = "manifest.json"
_HUB = "https://huggingface.co"
_TIMEOUT_S = 60
# Below this share of the catalog's size the weights are not all there.
_LEAST_SHARE = 0.99


class Source(Protocol):
    """Where a model's files come from."""

    @contextmanager
    def open(self, file: str) -> Iterator[tuple[BinaryIO, int]]:
        """A file's bytes and how many there are. Raises Failure."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """A directory with the files of one model."""

    path: Path

    @contextmanager
    def open(self, file: str) -> Iterator[tuple[BinaryIO, int]]:
        try:
            handle = (self.path / file).open("rb")
        except OSError as error:
            raise Failure(f"{self.path / file} cannot be read: {error.strerror}.", f"ls -l {self.path}") from None
        with handle:
            yield handle, (self.path / file).stat().st_size


@dataclass(frozen=True, slots=True, kw_only=True)
class Hub:
    """The model hub, at one commit."""

    model: str
    revision: str
    address: str = _HUB

    @contextmanager
    def open(self, file: str) -> Iterator[tuple[BinaryIO, int]]:
        url = f"{self.address}/{self.model}/resolve/{self.revision}/{file}"
        try:
            answer = urllib.request.urlopen(url, timeout=_TIMEOUT_S)
        except (urllib.error.URLError, OSError) as error:
            raise Failure(
                f"{url} cannot be fetched: {error}.",
                "download the files elsewhere, then: ./trimaran weights sync MODEL --bucket NAME --from FOLDER",
            ) from None
        with answer:
            yield answer, int(answer.headers["content-length"])


def sync(model: str, bucket: str, region: str, folder: Path | None) -> None:
    """Put the model's files into the bucket and say where they are. Raises Failure."""
    served = SERVED.get(model)
    if served is None:
        raise Failure(
            f"model '{model}' is not in catalog/models.py. Known models: {', '.join(SERVED)}.{nearest(model, SERVED)}",
            f"./trimaran weights sync {next(iter(SERVED))} --bucket {bucket}",
            ExitCode.USAGE,
        )
    source: Source = Folder(path=folder) if folder else Hub(model=model, revision=served.revision)
    data(copy(_bucket(region, bucket), source, served, prefix(model, served)))


def _bucket(region: str, name: str) -> Bucket:
    """A bucket of the first cloud that has any here, in its usual region where none is named."""
    cloud, opened = next((each.name, each.bucket) for each in supported() if each.bucket)
    return opened(region or CLOUDS[cloud].usual_region, name)


def prefix(model: str, served: ServedModel) -> str:
    """Where a model's files are in the bucket; the stack makes the same."""
    return f"models/{model}/{served.revision}/"


def copy(bucket: Bucket, source: Source, served: ServedModel, under: str) -> str:
    """Copy every file, then write the manifest; return the address of the whole."""
    before = _manifest(bucket, under)
    files = {file: _copied(bucket, source, under, file, before.get(file)) for file in served.files}
    weights = sum(each["bytes"] for file, each in files.items() if file.endswith(".safetensors"))
    if weights < served.weights_bytes * _LEAST_SHARE:
        raise Failure(
            f"the weights are {weights} bytes, and the catalog says {served.weights_bytes}: they are not all there.",
            "compare the files with the model's repository",
        )
    body = json.dumps({"revision": served.revision, "files": files}, indent=2, sort_keys=True)
    bucket.write(f"{under}{MANIFEST}", body.encode())
    return bucket.address(under)


def _copied(bucket: Bucket, source: Source, under: str, file: str, before: Any) -> dict[str, Any]:
    """One file's size and sha256, sent unless the same is there."""
    with source.open(file) as (handle, size):
        if before and before["bytes"] == size == bucket.size(f"{under}{file}"):
            say(f"{file}: there")
            return cast("dict[str, Any]", before)
        say(f"{file}: {size / 1e6:.1f} MB …")
        hashed = _Hashed(handle)
        bucket.upload(f"{under}{file}", cast("BinaryIO", hashed))
    if hashed.bytes != size:
        raise Failure(f"{file}: {hashed.bytes} of {size} bytes arrived.", "the same command goes on from there")
    return {"bytes": size, "sha256": hashed.digest.hexdigest()}


class _Hashed(io.RawIOBase):
    """A stream that knows what went through it."""

    def __init__(self, handle: BinaryIO) -> None:
        self._handle = handle
        self.bytes = 0
        self.digest = hashlib.sha256()

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        chunk = self._handle.read(size)
        self.bytes += len(chunk)
        self.digest.update(chunk)
        return chunk


def _manifest(bucket: Bucket, under: str) -> dict[str, Any]:
    text = bucket.read(f"{under}{MANIFEST}")
    if text is None:
        return {}
    found: dict[str, Any] = json.loads(text)["files"]
    return found
