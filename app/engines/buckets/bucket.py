"""What the loader of weights asks of a cloud's object storage, and how a cloud's refusal reaches it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(slots=True)
class BucketError(Exception):
    """A file that cannot be had. ``word``: the cloud's own for it. ``missing``: the file's name, where the bucket is there and the file is not.

    ``asked``: False where no credentials were found, so that the cloud was not asked.
    """

    word: str
    missing: str = ""
    asked: bool = True


class Bucket(Protocol):
    """The files below one address. Both raise BucketError, or OSError where this machine is to blame."""

    def read(self, name: str) -> bytes:
        """A small file."""

    def download(self, name: str, path: Path, size: int, add: Callable[[int], object]) -> None:
        """A file of ``size`` bytes in parallel parts; ``add`` hears of each part, from any thread. A file of another size is left as it comes.

        There must be nothing at ``path``, no link either.
        """
