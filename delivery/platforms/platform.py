"""How a target is reached: the one seam between the commands and where things run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from delivery.platforms.metrics import Metrics
from delivery.platforms.records import RecordStore
from delivery.platforms.traffic import Traffic

if TYPE_CHECKING:
    from stacks.config import Candidate, StackConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployed:
    """A deployed stack. `key` is the first of the app's, empty where it wants none."""

    root: Path
    stack: str
    outputs: Mapping[str, Any]
    key: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """How one side is called past the split: headers select it, and may be secret; `key` is the app's.

    `auth` is what the platform wants of a caller besides, as the stack's outputs say: `none`, or a proof of the cloud's own.
    """

    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    key: str = field(default="", repr=False)
    auth: str = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class BothSides:
    """Blue, and green while there is one: how each is called, the traffic between them, and what each has counted."""

    addresses: Mapping[str, Address]
    traffic: Traffic
    metrics: Metrics


class BlueGreen(Protocol):
    """What a promotion needs of a target that can have two versions at a time."""

    @property
    def runs_images(self) -> bool:
        """Whether a version may be another image, or is the source tree with other settings."""

    def revisions(self, config: StackConfig, root: Path, candidate: Candidate | None) -> Mapping[str, str]:
        """Side -> revision, of blue and with a candidate of green, as a deploy would name them. Raises ConfigError."""

    def answers_one_at_a_time(self, config: StackConfig, root: Path) -> bool:
        """Whether two questions at once would only wait for each other."""

    def traffic(self, outputs: Mapping[str, Any]) -> Traffic:
        """The switch of a stack with these outputs."""

    def both(self, deployed: Deployed) -> BothSides:
        """The sides that are deployed."""

    def records(self, root: Path, stack: str) -> RecordStore:
        """Where the record of the stack's promotions is, and the right to write it."""


class Platform(Protocol):
    """How the commands reach one target."""

    @property
    def target(self) -> str:
        """As on the list of targets."""

    @property
    def keeps_policies(self) -> bool:
        """Whether a deploy is judged by the policies."""

    @property
    def leaves_half_made(self) -> bool:
        """Whether a killed deploy may have left what its state does not know, so that a person has to look."""

    @property
    def blue_green(self) -> BlueGreen | None:
        """None where nothing here moves traffic between two versions yet."""

    def backend(self, root: Path, environment: Mapping[str, str]) -> dict[str, str]:
        """This environment as the engine must have it to find the stacks' state and read their secrets. Raises Failure."""

    def preflight(self, config: StackConfig, outputs: Mapping[str, Any]) -> None:
        """Refuse what a deploy would find too late; `outputs` are those of now, if any. Raises Failure."""

    def log_command(self, root: Path, stack: str, outputs: Mapping[str, Any], *, lines: int, follow: bool) -> list[str]:
        """The program that shows the last lines of what the app has written, with its arguments. Raises Failure."""

    def log_place(self, root: Path, stack: str, outputs: Mapping[str, Any]) -> str:
        """Where the app's log is, for people; empty where it is nothing that they can open."""
