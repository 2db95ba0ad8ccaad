"""What the commands support on a cloud: its SDK's package, and where somebody has written them the state's home and buckets.

A cloud with regions is one file beside this one, named as in `catalog/clouds.py`, with its `SUPPORT`; it is imported only when a
command needs it.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO, Protocol, cast

from catalog.clouds import CLOUDS


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One thing that must be so: whether it is, and how to make it so. Both raise Failure."""

    name: str
    is_there: Callable[[], bool]
    make: Callable[[], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class StateHome:
    """Where the stacks' state lives in an account: its parts in the order in which they need each other, and what comes next."""

    parts: tuple[Part, ...]
    next_commands: tuple[str, ...]


class Bucket(Protocol):
    """A bucket with files; every method raises Failure."""

    def address(self, key: str) -> str:
        """A file, or a folder where the key ends with a slash, as the cloud's users write it."""

    def read(self, key: str) -> bytes | None:
        """A small file; None where there is none."""

    def size(self, key: str) -> int | None:
        """In bytes; None where there is no such file."""

    def write(self, key: str, content: bytes) -> None:
        """A small file, whole or not at all."""

    def upload(self, key: str, stream: BinaryIO) -> None:
        """A large file, in as many parts as it takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudSupport:
    """One cloud. `package` is its Pulumi SDK on PyPI; `state_home` and `bucket` take a region and a name, which for the
    home may be empty, and are absent where nobody has written them yet. Both raise Failure.
    """

    name: str
    package: str
    state_home: Callable[[str, str], StateHome] | None = None
    bucket: Callable[[str, str], Bucket] | None = None


def names() -> Sequence[str]:
    """The clouds that have accounts and regions."""
    return [name for name, cloud in CLOUDS.items() if cloud.region_keys]


def support_of(name: str) -> CloudSupport:
    """What there is for a cloud; `name` is one of `names()`."""
    return cast("CloudSupport", importlib.import_module(f"delivery.clouds.{name}").SUPPORT)


def supported() -> Iterator[CloudSupport]:
    """Every cloud's."""
    return map(support_of, names())
