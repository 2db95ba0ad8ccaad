"""Weights out of a bucket, once, checked against the manifest that `./trimaran weights sync` wrote there.

A file is whole when its sha256 is the manifest's; a folder is whole when the manifest lies in it, which is written last. What is not whole
is fetched again, file by file.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Annotated

import msgspec
from msgspec import Meta

from app.engines.buckets.bucket import Bucket, BucketError
from app.engines.buckets.kinds import Kind, kind_of

MANIFEST = "manifest.json"  # as delivery/weights.py names it
LOCK = ".lock"  # in the folder, and never removed: who waits for it holds the same file
TOLD_EVERY_S = 5.0
_PART = ".part"
_GB, _MB = 1e9, 1e6
_SYNC = "./trimaran weights sync MODEL --bucket NAME, and copy what it wrote where the weights are not in S3"


class WeightsError(Exception):
    """Weights that cannot be had; the text says why and what to do."""


class File(msgspec.Struct, frozen=True, kw_only=True):
    bytes: Annotated[int, Meta(ge=0, le=2**63 - 1)]
    sha256: Annotated[str, Meta(pattern=r"\A[0-9a-fA-F]{64}\Z")]


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    files: Annotated[dict[str, File], Meta(min_length=1)]
    revision: str | None = None


def fetch(address: str, data_dir: Path, revision: str, tell: Callable[[str], None]) -> Path:
    """The folder with the files of ``address``, which has a row in the list of buckets. ``tell`` hears how far it is. Raises WeightsError."""
    kind = kind_of(address)
    assert kind is not None, "the app has looked"
    place, prefix = kind.split(address)
    folder = _folder(data_dir, address, f"{place}/{prefix}")
    try:
        bucket = kind.open(place, prefix)
        manifest = bucket.read(MANIFEST)
        files = _files(manifest, address, revision)
        if not _is_whole(folder, manifest, files):
            with _alone(folder, tell):
                if not _is_whole(folder, manifest, files):
                    _fetch_all(bucket, address, folder, files, tell)
                    (folder / MANIFEST).write_bytes(manifest)
    except BucketError as error:
        raise WeightsError(_refused(address, kind, error)) from None
    except OSError as error:
        raise WeightsError(f"the weights at {address} cannot be fetched: {error}") from None
    return folder


def _refused(address: str, kind: Kind, error: BucketError) -> str:
    if error.missing:
        return f"{address} has no whole model: {error.missing} is missing.\nhint: {_SYNC}"
    if not error.asked:
        return f"{address}: no credentials for {kind.cloud} were found ({error.word}).\nhint: give {kind.identity}; {kind.may}"
    return f"{address}: {kind.cloud} answers {error.word}.\nhint: {kind.may}"


def _folder(data_dir: Path, address: str, inside: str) -> Path:
    parts = PurePosixPath(inside).parts
    if ".." in parts:
        raise WeightsError(f"{address} is no address of weights")
    return data_dir.joinpath("weights", *parts)


def _files(manifest: bytes, address: str, revision: str) -> Mapping[str, File]:
    try:
        read = msgspec.json.decode(manifest, type=Manifest)
    except (msgspec.DecodeError, ValueError, RecursionError):  # ValueError: bytes that are no UTF-8
        raise WeightsError(f"{address}{MANIFEST} is not a manifest of weights.\nhint: {_SYNC}") from None
    if not all(_is_in_folder(name) for name in read.files):
        raise WeightsError(
            f"{address}{MANIFEST} names files outside its folder, or such as the app keeps there itself.\nhint: {_SYNC}"
        )
    if revision and read.revision != revision:
        raise WeightsError(
            f"{address} holds revision {read.revision}, and TRIMARAN_ENGINE_REVISION is {revision}.\n"
            "hint: set both to the same commit"
        )
    return read.files


def _is_in_folder(name: str) -> bool:
    """Whether a manifest may name a file so: a plain name, and none of the app's own."""
    return name not in ("", ".", "..", MANIFEST, LOCK) and not name.endswith(_PART) and not set("/\\\0") & set(name)


@contextmanager
def _alone(folder: Path, tell: Callable[[str], None]) -> Iterator[None]:
    """Until it ends, no other app fetches into this folder. The kernel lets go of what a killed one held."""
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            tell(f"weights: another app fetches them into {folder}")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _is_whole(folder: Path, manifest: bytes, files: Mapping[str, File]) -> bool:
    """Whether all files were checked once and have their sizes still."""
    try:
        same = (folder / MANIFEST).read_bytes() == manifest
        return same and all((folder / name).stat().st_size == file.bytes for name, file in files.items())
    except OSError:
        return False


def _fetch_all(
    bucket: Bucket, address: str, folder: Path, files: Mapping[str, File], tell: Callable[[str], None]
) -> None:
    (folder / MANIFEST).unlink(missing_ok=True)
    missing = {name: file for name, file in files.items() if not _has(folder / name, file)}
    _remove_all_but(folder, {LOCK, *(name for name in files if name not in missing)})
    _refuse_full_disk(folder, sum(file.bytes for file in missing.values()))
    meter = _Meter(sum(file.bytes for file in files.values()), tell)
    meter.add(sum(file.bytes for name, file in files.items() if name not in missing))
    for name, file in missing.items():
        part = folder / f"{name}{_PART}"
        bucket.download(name, part, file.bytes, meter.add)
        _sync_to_disk(part)
        if not _has(part, file):
            size = part.stat().st_size
            part.unlink()
            raise WeightsError(
                f"{address.rstrip('/')}/{name} arrived with {size} bytes and is not the file of the manifest"
                f" ({file.bytes} bytes).\nhint: {_SYNC}"
            )
        part.replace(folder / name)


def _remove_all_but(folder: Path, kept: set[str]) -> None:
    """Parts of a killed download, other bytes under the same name, and an earlier model's files, which a loader may prefer."""
    for path in folder.iterdir():
        if path.name not in kept and (path.is_symlink() or path.is_file()):
            path.unlink()


def _sync_to_disk(path: Path) -> None:
    with path.open("rb") as handle:
        os.fsync(handle.fileno())


def _has(path: Path, file: File) -> bool:
    """Whether ``path`` is that file, bit for bit: some seconds for each 10 GB."""
    if not path.is_file() or path.stat().st_size != file.bytes:
        return False
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest() == file.sha256.lower()


def _refuse_full_disk(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise WeightsError(
            f"the weights need {_size(needed)} more, and {folder} has {_size(free)} free.\n"
            "hint: set TRIMARAN_DATA_DIR to a larger disk, or give the machine one"
        )


def _size(count: int) -> str:
    return f"{count / _GB:.1f} GB" if count >= _GB else f"{count / _MB:.1f} MB"


class _Meter:
    """Tells now and then how far it is. A bucket calls ``add`` from its threads."""

    def __init__(self, total: int, tell: Callable[[str], None]) -> None:
        self._total = total
        self._tell = tell
        self._done = 0
        self._told_at = float("-inf")
        self._lock = threading.Lock()

    def add(self, count: int) -> None:
        with self._lock:
            self._done += count
            if time.monotonic() - self._told_at > TOLD_EVERY_S:
                self._told_at = time.monotonic()
                self._tell(f"weights: {self._done / _GB:.1f} of {self._total / _GB:.1f} GB")
