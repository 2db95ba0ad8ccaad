"""What the commands need of a cloud's account: its SDK's package, and where there are any the state's home and buckets.

A cloud is one file beside this one, named as the cloud, with its `ACCOUNT`; it is imported only when a command needs it.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, Protocol, cast

NAMES = ("aws", "gcp", "azure")
USUAL = "aws"  # what a command means that names no cloud


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
class Account:
    """One cloud. `package` is its Pulumi SDK on PyPI; `state_home` and `bucket` take a region and a name, which for the
    home may be empty, and are absent where nobody has written them yet. Both raise Failure.
    """

    name: str
    package: str
    state_home: Callable[[str, str], StateHome] | None = None
    bucket: Callable[[str, str], Bucket] | None = None


def account_of(name: str) -> Account:
    """The account of a cloud; `name` is one of NAMES."""
    return cast("Account", importlib.import_module(f"delivery.clouds.{name}").ACCOUNT)


def accounts() -> Iterator[Account]:
    """Every cloud's."""
    return map(account_of, NAMES)
