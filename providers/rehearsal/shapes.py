"""What a value must look like, whoever says so: one small tree for SDKs, cloud APIs and JSON documents alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Kind(StrEnum):
    """The JSON types, and two that accept more."""

    OBJECT = "a map with fixed keys"
    MAP = "a map"
    LIST = "a list"
    TEXT = "text"
    INTEGER = "a whole number"
    NUMBER = "a number"
    BOOLEAN = "true or false"
    UNION = "one of several"
    ANY = "anything"


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One property of an object; `shape` is called when it is needed, since schemas may contain themselves."""

    shape: Callable[[], Shape]
    shown: str
    required: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """A type with its limits; `low` and `high` bound a number, the length of a text or the items of a list."""

    kind: Kind
    members: Mapping[str, Member] = field(default_factory=dict)
    element: Callable[[], Shape] | None = None
    options: tuple[Shape, ...] = ()
    values: tuple[str, ...] = ()
    pattern: str = ""
    low: float | None = None
    high: float | None = None
    optional: bool = False


ANY = Shape(kind=Kind.ANY)
TEXT = Shape(kind=Kind.TEXT)
INTEGER = Shape(kind=Kind.INTEGER)
NUMBER = Shape(kind=Kind.NUMBER)
BOOLEAN = Shape(kind=Kind.BOOLEAN)


def inside(shape: Shape, path: str) -> Shape:
    """The shape at a dotted path, through lists; the shape itself for an empty one."""
    for step in path.split(".") if path else ():
        while shape.kind is Kind.LIST and shape.element:
            shape = shape.element()
        shape = shape.members[step].shape()
    return shape
