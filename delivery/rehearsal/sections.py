"""What judges a rehearsed plan: each section is an object that the command passes in, and gives one result."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from delivery.failure import ExitCode


@dataclass(frozen=True, slots=True, kw_only=True)
class RehearsedPlan:
    """What a section judges; `digest` is the document that `pulumi preview --json --show-sames` prints."""

    stack: str
    config: Mapping[str, Any]
    digest: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class SectionResult:
    """A section's result: `value` for --json, `lines` to print, `refusals` that end the command with `exit_code`."""

    value: Any
    lines: Sequence[str]
    refusals: Sequence[str] = ()
    exit_code: ExitCode = ExitCode.GATE_SAID_NO


class Section(Protocol):
    """One part of the report, under its name."""

    name: str

    def reads(self) -> Iterable[tuple[str, str]]:
        """(type, path on the wire without list positions) of every input that is judged."""
        ...

    def judge(self, planned: RehearsedPlan) -> SectionResult:
        """The result for a plan."""
        ...
