"""The split of a target's traffic between two versions: read it, set it, and which steps the platform can make at all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


class TrafficError(Exception):
    """The split cannot be read or was not taken: nothing may be promoted while it is unknown. May end in a hint line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """Whole percents of the requests; together 100."""

    blue: int
    green: int

    def __post_init__(self) -> None:
        if min(self.blue, self.green) < 0 or self.blue + self.green != 100:
            raise ValueError(f"a split must add up to 100, not blue {self.blue}, green {self.green}")


class Traffic(Protocol):
    """A target's switch; `read` and `set` raise TrafficError."""

    def ladder(self, wanted: Sequence[int]) -> tuple[int, ...]:
        """The steps, rising to 100, that come nearest to the wanted ones: a cloud may know one percentage and all.

        Each of them can be set, and so can 0.
        """

    def read(self) -> Split:
        """The split in use."""

    def set(self, split: Split) -> None:
        """Put a split into use; returns once it is read back as it was set."""


def confirm(traffic: Traffic, wanted: Split) -> None:
    """Read the split back; raises TrafficError when it is another one."""
    found = traffic.read()
    if found != wanted:
        raise TrafficError(
            f"the split was set to {wanted.green} % for green, but {found.green} % is in use"
            "\nhint: see who else changes it, then run the command again"
        )
