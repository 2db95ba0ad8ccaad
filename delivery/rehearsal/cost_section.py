"""The cost of a rehearsed plan: `delivery.cost` wrapped as a section, imported by name so that the two stay apart."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import ModuleType

from delivery.failure import ExitCode
from delivery.rehearsal.sections import Judged, Planned


class CostSection:
    """Calls `delivery.cost` on the preview's document."""

    def __init__(self, cost: ModuleType) -> None:
        self._cost = cost

    def preview_arguments(self, root: Path, stack: str) -> Sequence[str]:
        """Nothing: the preview has it all."""
        return ()

    def reads(self) -> Iterable[tuple[str, str]]:
        """Every input that a quantity reads."""
        found: Iterable[tuple[str, str]] = self._cost.reads()
        return found

    def judge(self, planned: Planned) -> Judged:
        """The estimate, in dollars a month, and whether the stack's own limit says no."""
        preview = {"root": planned.root, "stack": planned.stack, "config": planned.config, "digest": planned.digest}
        found = self._cost.rehearsal_section(preview)
        return Judged(
            value=found["json"],
            lines=found["lines"],
            refusals=found["failures"],
            exit_code=found["exit_code"] or ExitCode.GATE_SAID_NO,
        )


def section() -> CostSection:
    """The section; raises ImportError where there is no cost model."""
    return CostSection(importlib.import_module("delivery.cost.rehearsal"))
