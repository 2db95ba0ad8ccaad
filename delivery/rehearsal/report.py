"""A rehearsal as a person reads it and as JSON: the plan, who validated what, what nobody could."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from delivery.rehearsal.bearing import Bearing
from delivery.rehearsal.running import Step
from delivery.rehearsal.sections import SectionResult
from delivery.terminal import data, table
from providers.rehearsal.inspection import Inspection
from providers.rehearsal.values import name_of

_SHOWN = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class RehearsalReport:
    """What one rehearsal found; `cycle` are the lines of a full cycle, empty without one."""

    steps: Sequence[Step]
    inspections: Mapping[str, Inspection]
    sources: Mapping[tuple[str, str], str]
    bearing: Bearing
    undecided_changes: Mapping[str, Sequence[str]]
    sections: Mapping[str, SectionResult]
    cycle: Sequence[Mapping[str, Any]] = ()

    def json(self) -> dict[str, Any]:
        """The result by the names that all parts share."""
        result: dict[str, Any] = {
            "resources": [self._resource(step) for step in self.steps],
            "bearing_unvalidated": self.bearing_unvalidated(),
            "bearing_unknown": self.bearing_unknown(),
            **{name: section.value for name, section in self.sections.items()},
        }
        return {**result, "cycle": list(self.cycle)} if self.cycle else result

    def show(self) -> None:
        """Print the tables and sections."""
        table(("op", "type", "name", "source"), [self._row(step) for step in self.steps])
        data("")
        for title, lines in (
            ("validated by", self._validators()),
            (
                "not validated by anybody",
                self._listed({each.urn: each.unvalidated for each in self.inspections.values()}),
            ),
            ("bearing on money or security, and not validated", self.bearing_unvalidated()),
            ("bearing on money or security, and not known before the deploy", self.bearing_unknown()),
            (
                "update or replace: unknown",
                [f"{name_of(urn)}: {', '.join(each)}" for urn, each in self.undecided_changes.items()],
            ),
        ):
            _block(title, lines)
        for name, section in self.sections.items():
            _block(name, list(section.lines))
        _block("cycle", [str(each["line"]) for each in self.cycle])

    def bearing_unvalidated(self) -> list[str]:
        """Inputs that bear on money or security and that nobody validated."""
        return [
            f"{name_of(urn)}: {shown}"
            for urn, each in self.inspections.items()
            for shown in self.bearing.among(each, each.unvalidated)
        ]

    def bearing_unknown(self) -> list[str]:
        """Inputs that bear on money or security and that a preview does not know yet; a full cycle checks them."""
        return [
            f"{name_of(urn)}: {shown}"
            for urn, each in self.inspections.items()
            for shown in self.bearing.among(each, each.unknown)
        ]

    def _resource(self, step: Step) -> dict[str, Any]:
        seen = self.inspections.get(step.urn)
        return {
            "urn": step.urn,
            "type": step.token,
            "op": step.op,
            "source": self.sources.get((step.token, step.name), ""),
            "validated_by": list(seen.by) if seen else [],
            "unvalidated": [each.shown for each in seen.unvalidated] if seen else [],
            "unknown": [each.shown for each in seen.unknown] if seen else [],
        }

    def _row(self, step: Step) -> tuple[str, str, str, str]:
        return step.op, _short(step.token), step.name, self.sources.get((step.token, step.name), "")

    def _validators(self) -> list[str]:
        counted = Counter(label.partition(" ")[0] for each in self.inspections.values() for label in each.by)
        return [f"{label}: {count} of {len(self.inspections)} resources" for label, count in counted.most_common()]

    def _listed(self, inputs: Mapping[str, Sequence[Any]]) -> list[str]:
        lines = []
        for urn, some in inputs.items():
            if some:
                paths = ", ".join(each.shown for each in some)
                lines.append(f"{name_of(urn)}: {paths}")
        left_out = len(lines) - _SHOWN
        return lines if left_out <= 0 else [*lines[:_SHOWN], f"… {left_out} more; --json has all"]


def _block(title: str, lines: Sequence[str]) -> None:
    if lines:
        data(f"{title}:")
        data("\n".join(f"  {line}" for line in lines))


def _short(token: str) -> str:
    """A type as its SDK's users write it: its package, module and class. The JSON has the whole token."""
    package, module, kind = token.split(":")
    return ".".join((package, module.partition("/")[0], kind))
