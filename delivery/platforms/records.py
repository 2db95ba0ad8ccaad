"""Where a promotion's record lives, and who may write it: one at a time, and another one once that one is dead.

The record is a text that this side does not read. A store is a file with a lock, or an object in a bucket that is written on
condition that nobody else has written it, with a lease beside it.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol

from delivery.failure import Failure


class AlreadyRunning(Failure):
    """Somebody drives the stack's promotion now."""

    def __init__(self, stack: str) -> None:
        super().__init__(f"a promotion of stack '{stack}' is running.", f"watch it: ./trimaran promote {stack} --watch")


class TakenOver(Failure):
    """Whoever held the record was thought dead, and somebody else drives the promotion now: this one must not go on."""

    def __init__(self, stack: str) -> None:
        super().__init__(
            f"the promotion of stack '{stack}' has been taken over by another command, as this one was not heard of.",
            f"watch it: ./trimaran promote {stack} --watch",
        )


class UnreadableRecord(Failure):
    """A record was read whole, and what it says cannot be understood. One that could not be read is any other Failure."""


class Hold(Protocol):
    """The right to write, for as long as its `with` block runs and nobody has taken over."""

    def save(self, text: str) -> None:
        """Write the record, whole or not at all: when this returns it is on the disk, or where the store is.

        Raises TakenOver where the right is lost, Failure where it cannot be written.
        """

    def set_aside(self) -> str:
        """Take the record out of the way under a name of its own, as it is; where it is then. Raises as `save` does."""


class RecordStore(Protocol):
    """The record of one stack's promotions, for any number of commands on any number of machines."""

    @property
    def place(self) -> str:
        """Where it is, for people."""

    def load(self) -> str | None:
        """What was saved last, by whomever; None before. Raises Failure, UnreadableRecord for what is no text."""

    def is_held(self) -> bool:
        """Whether somebody may be writing now."""

    def hold(self) -> AbstractContextManager[Hold]:
        """Take the right to write, also of one who died with it. Raises AlreadyRunning, TakenOver (at its end), Failure."""
