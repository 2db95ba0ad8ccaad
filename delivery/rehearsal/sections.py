"""Where the parts that judge a plan plug in: policies and cost. Each is one object, made from a module if that is there."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from delivery.failure import ExitCode
from delivery.rehearsal.bearing import Bearing

# Section -> the module that offers `section()`. Looked up by name: the parts of `delivery` do not import each other.
MODULES = {"policies": "policies.rehearsal", "cost": "delivery.rehearsal.cost_section"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """What a section judges; `digest` is the document that `pulumi preview --json --show-sames` prints."""

    root: Path
    stack: str
    config: Mapping[str, Any]
    digest: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A section's result: `value` for --json, `lines` to print, `refusals` that end the command with `exit_code`."""

    value: Any
    lines: Sequence[str]
    refusals: Sequence[str] = ()
    exit_code: ExitCode = ExitCode.GATE_SAID_NO


class Section(Protocol):
    """What a module's `section()` returns."""

    def preview_arguments(self, root: Path, stack: str) -> Sequence[str]:
        """More arguments for `pulumi preview`, such as a policy pack."""
        ...

    def reads(self) -> Iterable[tuple[str, str]]:
        """(type, path on the wire) of every input that is judged."""
        ...

    def judge(self, planned: Planned) -> Judged:
        """The result for a plan."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Sections:
    """The sections there are, by name; None for one that is not built yet."""

    found: Mapping[str, Section | None]

    @staticmethod
    def load() -> Sections:
        """Those whose module can be imported."""
        return Sections(found={name: _load(module) for name, module in MODULES.items()})

    def preview_arguments(self, root: Path, stack: str) -> list[str]:
        """What all sections add to the preview."""
        return [each for one in self._there() for each in one.preview_arguments(root, stack)]

    def bearing(self) -> Bearing:
        """The inputs that bear on money or security: what the sections read, and the catalog's list."""
        return Bearing.of(pair for one in self._there() for pair in one.reads())

    def judge(self, planned: Planned) -> dict[str, Judged]:
        """Every section's result; one that is not there says so."""
        missing = Judged(value={"state": "not built yet"}, lines=("not built yet",))
        return {name: one.judge(planned) if one else missing for name, one in self.found.items()}

    def _there(self) -> list[Section]:
        return [each for each in self.found.values() if each]


def _load(module: str) -> Section | None:
    try:
        section: Section = importlib.import_module(module).section()
    except ImportError as error:
        # Of our own that is not there; anything else that is missing is a broken set-up and must be seen.
        if str(error.name).partition(".")[0] in ("policies", "delivery"):
            return None
        raise
    return section
