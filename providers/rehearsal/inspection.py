"""Everything that is said of one resource's inputs: by the SDK, by foreign schemas, by the grammar of documents, by rules."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from plan.tokens import is_unknown
from providers.rehearsal import rules
from providers.rehearsal.checking import check_loosely, check_strictly
from providers.rehearsal.cloud import RehearsedCloud
from providers.rehearsal.findings import Finding, InputPlace, NotKnown, Seen, snake
from providers.rehearsal.rules.contract import CheckedResource, Facts
from providers.rehearsal.shapes import Kind, Shape
from providers.rehearsal.values import Path, dotted, leaves, opened

# A type says all there is to say of these; of a text or a number it says little.
_SETTLED_BY_TYPE = (Kind.BOOLEAN,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """One input: its path on the wire, and as the program writes it."""

    path: Path
    shown: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """The result for one resource: `by` are the schemas that validated something."""

    urn: str
    token: str
    findings: tuple[Finding, ...]
    by: tuple[str, ...]
    unvalidated: tuple[Input, ...]
    unknown: tuple[Input, ...]


@dataclass(slots=True)
class _Tally:
    findings: list[Finding] = field(default_factory=list)
    validated: set[Path] = field(default_factory=set)
    unknown: set[Path] = field(default_factory=set)
    by: list[str] = field(default_factory=list)

    def add(self, label: str, seen: Iterable[Seen], *, settles: bool = True) -> None:
        used = False
        for each in seen:
            if isinstance(each, Finding):
                if each.place.path not in {known.place.path for known in self.findings}:
                    self.findings.append(each)
            elif isinstance(each, NotKnown):
                self.unknown.add(each.path)
            else:
                used = True
                if settles:
                    self.validated.add(each.path)
        if used:
            self.by.append(label)


def inspect(
    cloud: RehearsedCloud, resource: CheckedResource, peers: Iterable[CheckedResource], facts: Facts
) -> Inspection:
    """Check a resource of a known type."""
    tally = _Tally()
    shape = cloud.sdk.resource_type(resource.token).inputs
    sdk = f"sdk {cloud.name} {cloud.sdk.version}"
    tally.add(sdk, check_strictly(resource.inputs, shape, InputPlace(), resource.token), settles=False)
    tally.validated |= {path for path, _ in leaves(resource.inputs) if _settled(shape, path)}
    for foreign in cloud.foreign(resource.token):
        tally.add(foreign.label, check_loosely(resource.inputs, foreign.shape, InputPlace(), foreign.names))
    for path, grammar in cloud.documents(resource.token).items():
        for place, value in _values_at(resource.inputs, path.split("."), InputPlace()):
            label, seen = _document(cloud, value, place, grammar)
            tally.add(label, seen)
    tally.add(f"rules {cloud.limits.get('checked', '')}", rules.apply(cloud.rules, resource, peers, facts))
    return _result(resource, shape, tally)


def _result(resource: CheckedResource, shape: Shape, tally: _Tally) -> Inspection:
    present = [path for path, _ in leaves(resource.inputs)]
    known = [path for path in present if not _is_in(path, tally.unknown)]
    unvalidated = [path for path in known if not _is_in(path, tally.validated)]
    return Inspection(
        urn=resource.urn,
        token=resource.token,
        findings=tuple(tally.findings),
        by=tuple(tally.by),
        unvalidated=tuple(Input(path=path, shown=_written(shape, path)) for path in unvalidated),
        unknown=tuple(Input(path=path, shown=_written(shape, path)) for path in present if path not in known),
    )


def _is_in(path: Path, paths: set[Path]) -> bool:
    """Whether this path or one above it is among these."""
    return any(path[:length] in paths for length in range(1, len(path) + 1))


def _settled(shape: Shape, path: Path) -> bool:
    """Whether the SDK's own type says everything about this value: a flag, or one of a closed list."""
    for step in path:
        inside = _inside(shape, step)
        if inside is None:
            return False
        shape = inside
    return shape.kind in _SETTLED_BY_TYPE or bool(shape.values)


def _written(shape: Shape, path: Path) -> str:
    """A path as the program writes it: names of properties in snake case, keys of maps as they are."""
    shown: list[str | int] = []
    inside: Shape | None = shape
    for step in path:
        member = inside.members.get(str(step)) if inside else None
        shown.append(member.shown if member else step)
        inside = _inside(inside, step) if inside else None
    return dotted(tuple(shown))


def _inside(shape: Shape, step: str | int) -> Shape | None:
    if shape.kind is Kind.OBJECT and step in shape.members:
        return shape.members[str(step)].shape()
    return shape.element() if shape.kind in (Kind.LIST, Kind.MAP) and shape.element else None


def _document(cloud: RehearsedCloud, value: Any, place: InputPlace, grammar: str) -> tuple[str, Iterator[Seen]]:
    inner, secret = opened(value)
    if is_unknown(inner):
        return grammar, iter((NotKnown(path=place.path),))
    return cloud.check_document(inner, place.hidden(secret), grammar)


def _values_at(value: Any, steps: list[str], place: InputPlace) -> Iterator[tuple[InputPlace, Any]]:
    value, _ = opened(value)
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from _values_at(item, steps, place.at(index))
    elif not steps:
        if value is not None:
            yield place, value
    elif isinstance(value, dict):
        yield from _values_at(value.get(steps[0]), steps[1:], place.member(steps[0], snake(steps[0])))
