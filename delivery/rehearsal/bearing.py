"""Which inputs bear on money or security, so that one which nobody validated is told apart."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from providers.rehearsal.inspection import Input, Inspection
from providers.rehearsal.tables import table


@dataclass(frozen=True, slots=True, kw_only=True)
class Bearing:
    """Type -> paths, or beginnings of paths, as on the wire and without list positions."""

    inputs: Mapping[str, tuple[str, ...]]

    @staticmethod
    def of(packages: Iterable[str], read: Iterable[tuple[str, str]]) -> Bearing:
        """The catalog's lists for these packages, and these (type, path) pairs."""
        listed = (table(package, "bearing").get("inputs", {}) for package in packages)
        found: dict[str, set[str]] = {token: set(paths) for each in listed for token, paths in each.items()}
        for token, each in read:
            found.setdefault(token, set()).add(each)
        return Bearing(inputs={token: tuple(sorted(paths)) for token, paths in found.items()})

    def among(self, inspection: Inspection, inputs: Sequence[Input]) -> list[str]:
        """Those of a resource's inputs that bear on money or security, as the program writes them."""
        beginnings = self.inputs.get(inspection.token, ())
        return [each.shown for each in inputs if _begins(_named(each), beginnings)]


def _named(one: Input) -> str:
    return ".".join(step for step in one.path if isinstance(step, str))


def _begins(path: str, beginnings: Iterable[str]) -> bool:
    return any(path == each or path.startswith(f"{each}.") for each in beginnings)
