"""A promotion's record as a file of this machine, with a lock that the kernel lets go of when its holder dies."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from delivery.failure import Failure
from delivery.platforms.records import AlreadyRunning, Hold, TakenOver, UnreadableRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRecords:
    """The file `<stack>.json` of a directory, and `<stack>.lock` beside it."""

    directory: Path
    stack: str

    @property
    def path(self) -> Path:
        return self.directory / f"{self.stack}.json"

    @property
    def place(self) -> str:
        return str(self.path)

    def load(self) -> str | None:
        try:
            return self.path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        except OSError as error:
            raise Failure(f"{self.path} cannot be read: {error.strerror}.", f"ls -l {self.path}") from None
        except UnicodeDecodeError as error:
            raise UnreadableRecord(f"{self.path} cannot be understood: {error}.", f"ls -l {self.path}") from None

    def is_held(self) -> bool:
        try:
            with self.hold():
                return False
        except AlreadyRunning:
            return True

    @contextmanager
    def hold(self) -> Iterator[Hold]:
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            lock = (self.directory / f"{self.stack}.lock").open("w")
        except OSError as error:
            raise _unwritable(self.directory, error) from None
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise AlreadyRunning(self.stack) from None
            held = _FileHold(self.path, self.stack)
            try:
                yield held
            finally:
                held.is_over = True


class _FileHold:
    def __init__(self, path: Path, stack: str) -> None:
        self.is_over = False
        self._path = path
        self._stack = stack

    def save(self, text: str) -> None:
        self._check()
        scratch = self._path.with_suffix(".new")
        try:
            with scratch.open("w", encoding="utf-8") as handle:
                handle.write(text)
                handle.flush()
                os.fsync(handle.fileno())
            os.replace(scratch, self._path)
        except OSError as error:
            raise _unwritable(self._path, error) from None

    def set_aside(self) -> str:
        self._check()
        aside = self._path.with_name(f"{self._path.name}.unreadable-{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}")
        try:
            os.rename(self._path, aside)
        except OSError as error:
            raise _unwritable(self._path, error) from None
        return str(aside)

    def _check(self) -> None:
        if self.is_over:
            raise TakenOver(self._stack)


def _unwritable(path: Path, error: OSError) -> Failure:
    return Failure(f"{path} cannot be written: {error.strerror}.", f"ls -ld {path.parent}")
