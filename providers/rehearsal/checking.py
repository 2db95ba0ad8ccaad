"""Holds a value against a shape: strictly, as its own schema, or loosely, as a schema that names things a little otherwise."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from plan.tokens import is_unknown
from providers.rehearsal.findings import (
    Finding,
    InputPlace,
    NotKnown,
    Seen,
    Validated,
    folded,
    nearest,
    one_of,
    shown,
    snake,
    wrong,
)
from providers.rehearsal.shapes import Kind, Member, Shape
from providers.rehearsal.values import is_asset, opened, plain

_SCALARS = (Kind.TEXT, Kind.INTEGER, Kind.NUMBER, Kind.BOOLEAN)
Descend = Callable[[Any, Shape, InputPlace], Iterator[Seen]]


def check_strictly(value: Any, shape: Shape, place: InputPlace, owner: str) -> Iterator[Seen]:
    """Everything counts: unknown names, missing ones, types, limits. `owner` says in a sentence whose properties these are."""

    def descend(value: Any, shape: Shape, place: InputPlace) -> Iterator[Seen]:
        inner, secret = opened(value)
        place = place.hidden(secret)
        if inner is None:
            return
        if is_unknown(inner):
            yield NotKnown(path=place.path)
        elif shape.kind is Kind.UNION:
            yield from _strict(inner, _option(inner, shape), place, owner, descend)
        else:
            yield from _strict(inner, shape, place, owner, descend)

    return descend(value, shape, place)


def check_loosely(
    value: Any, shape: Shape, place: InputPlace, names: Mapping[str, Callable[[], Shape] | None]
) -> Iterator[Seen]:
    """Only limits count, and only where both sides know the property under nearly the same name.

    `names` maps a property's path (without list positions) to the shape it has in the other schema, or to None where
    the same name means something else there.
    """

    def descend(value: Any, shape: Shape, place: InputPlace) -> Iterator[Seen]:
        inner, secret = opened(value)
        place = place.hidden(secret)
        if inner is None or is_unknown(inner):
            return
        if isinstance(inner, Mapping) and shape.kind is Kind.OBJECT:
            for key, item in inner.items():
                own = _path_key((*place.path, key))
                inside = names[own] if own in names else _alike(key, shape.members)
                if inside is None and own not in names and any(each.startswith(f"{own}.") for each in names):
                    inside = _elsewhere
                if inside is not None:
                    yield from descend(item, inside(), place.member(key, snake(key)))
        elif isinstance(inner, Mapping) and shape.kind is Kind.MAP and shape.element:
            for key, item in inner.items():
                yield from descend(item, shape.element(), place.at(key))
        elif isinstance(inner, Mapping) and shape.kind is Kind.LIST and (of_value := _value_of_pair(shape)):
            for key, item in inner.items():
                yield from descend(item, of_value, place.at(key))
        elif isinstance(inner, Mapping) and shape.kind is Kind.LIST and shape.element:
            yield from descend(inner, shape.element(), place)
        elif isinstance(inner, list) and shape.kind is Kind.LIST and shape.element:
            yield from _length(inner, shape, place)
            for index, item in enumerate(inner):
                yield from descend(item, shape.element(), place.at(index))
        elif isinstance(inner, list) and shape.kind in (*_SCALARS, Kind.OBJECT):
            yield from () if inner else (Validated(path=place.path),)
            for index, item in enumerate(inner):
                yield from descend(item, shape, place.at(index))
        elif isinstance(inner, str) and shape.kind is Kind.LIST and shape.element:
            yield from descend(inner, shape.element(), place)
        else:
            yield from _scalar(_coerced(inner, shape), shape, place)

    return descend(value, shape, place)


def _strict(value: Any, shape: Shape, place: InputPlace, owner: str, descend: Descend) -> Iterator[Seen]:
    if shape.kind is Kind.ANY or is_asset(value):
        yield Validated(path=place.path)
    elif shape.kind is Kind.OBJECT:
        yield from _object(value, shape, place, owner, descend)
    elif shape.kind is Kind.MAP:
        if not isinstance(value, Mapping):
            yield wrong(place, value, shape.kind)
            return
        for key, item in value.items():
            yield from descend(item, shape.element() if shape.element else shape, place.at(key))
    elif shape.kind is Kind.LIST:
        if not isinstance(value, list):
            yield wrong(place, value, shape.kind)
            return
        yield from _length(value, shape, place)
        for index, item in enumerate(value):
            yield from descend(item, shape.element() if shape.element else shape, place.at(index))
    else:
        yield from _scalar(value, shape, place) if _fits(value, shape.kind) else [wrong(place, value, shape.kind)]


def _object(value: Any, shape: Shape, place: InputPlace, owner: str, descend: Descend) -> Iterator[Seen]:
    if not isinstance(value, Mapping):
        yield wrong(place, value, f"a map with {', '.join(member.shown for member in shape.members.values())}")
        return
    for key, item in value.items():
        member = shape.members.get(key)
        if member is None:
            yield _unknown_property(key, shape, place, owner)
        else:
            yield from descend(item, member.shape(), place.member(key, member.shown))
    for key, member in shape.members.items():
        if member.required and opened(value.get(key))[0] is None:
            inside = place.member(key, member.shown)
            yield Finding(place=inside, sentence=f"{inside} is missing; {owner} requires it.")


def _unknown_property(key: str, shape: Shape, place: InputPlace, owner: str) -> Finding:
    names = [member.shown for member in shape.members.values()]
    inside = place.member(key, key)
    near = nearest(key, names) or f" Known: {', '.join(names)}."
    return Finding(place=inside, sentence=f"{inside} is not a property of {owner}.{near}")


def _scalar(value: Any, shape: Shape, place: InputPlace) -> Iterator[Seen]:
    """Check the limits of a text or number; nothing where the value is of another type."""
    if not _fits(value, shape.kind):
        return
    if shape.values and str(plain(value)) not in shape.values:
        near = "" if place.secret else nearest(str(value), shape.values)
        yield Finding(
            place=place, sentence=f"{place} is {shown(value, place)}; it must be {one_of(shape.values)}.{near}"
        )
    elif isinstance(value, str) and not _length_fits(len(value), shape):
        yield wrong(place, value, f"{_bounds(shape)} characters long, and has {len(value)}")
    elif isinstance(value, str) and shape.pattern and not _matches(shape.pattern, value):
        yield wrong(place, value, f"text that matches {shape.pattern}")
    elif isinstance(value, int | float) and not isinstance(value, bool) and not _length_fits(value, shape):
        yield wrong(place, value, f"a number {_bounds(shape)}")
    else:
        yield Validated(path=place.path)


def _length(value: Sequence[Any], shape: Shape, place: InputPlace) -> Iterator[Seen]:
    if not _length_fits(len(value), shape):
        yield Finding(place=place, sentence=f"{place} has {len(value)} items; it must have {_bounds(shape)}.")
    elif not value:
        yield Validated(path=place.path)


def _length_fits(measure: float, shape: Shape) -> bool:
    return (shape.low is None or measure >= shape.low) and (shape.high is None or measure <= shape.high)


def _bounds(shape: Shape) -> str:
    if shape.high is None:
        return f"at least {shape.low:g}"
    if shape.low is None or shape.low == 0:
        return f"at most {shape.high:g}"
    return f"from {shape.low:g} to {shape.high:g}"


def _fits(value: Any, kind: Kind) -> bool:
    match kind:
        case Kind.TEXT:
            return isinstance(value, str)
        case Kind.BOOLEAN:
            return isinstance(value, bool)
        case Kind.INTEGER:
            return isinstance(value, int | float) and not isinstance(value, bool) and float(value).is_integer()
        case Kind.NUMBER:
            return isinstance(value, int | float) and not isinstance(value, bool)
        case Kind.OBJECT | Kind.MAP:
            return isinstance(value, Mapping)
        case Kind.LIST:
            return isinstance(value, list)
        case _:
            return True


def _option(value: Any, union: Shape) -> Shape:
    """The alternative that a value is held against: the first of its type."""
    return next((each for each in union.options if _fits(value, each.kind)), union.options[0])


def _coerced(value: Any, shape: Shape) -> Any:
    """A value in the other schema's type where the difference is only how it is written: "10" for 10."""
    if isinstance(value, str) and shape.kind in (Kind.INTEGER, Kind.NUMBER):
        try:
            return float(value)
        except ValueError:
            return value
    if isinstance(value, str) and shape.kind is Kind.BOOLEAN and value in ("true", "false"):
        return value == "true"
    if shape.kind is Kind.TEXT and isinstance(value, int | float) and not isinstance(value, bool):
        return f"{value:g}"
    return value


def _alike(name: str, members: Mapping[str, Member]) -> Callable[[], Shape] | None:
    by_folded = {folded(each): member for each, member in members.items()}
    wanted = folded(name)
    for spelling in (wanted, wanted.removesuffix("s"), f"{wanted}s", wanted.removesuffix("es"), f"{wanted[:-3]}y"):
        if spelling in by_folded:
            return by_folded[spelling].shape
    return None


def _value_of_pair(shape: Shape) -> Shape | None:
    """A map here is often a list of names and values there (tags, dimensions): the shape of such a value."""
    if not shape.element:
        return None
    values = (member for name, member in shape.element().members.items() if folded(name) == "value")
    member = next(values, None)
    return member.shape() if member else None


def _elsewhere() -> Shape:
    """The shape of a property that the other schema does not have, though it has what is inside."""
    return Shape(kind=Kind.OBJECT)


def _path_key(path: Sequence[str | int]) -> str:
    return ".".join(step for step in path if isinstance(step, str))


@functools.cache
def _compiled(pattern: str) -> re.Pattern[str] | None:
    r"""A foreign pattern; None for one that Python cannot read (such as `\p{L}`)."""
    try:
        return re.compile(pattern)
    except re.error:
        return None


def _matches(pattern: str, text: str) -> bool:
    compiled = _compiled(pattern)
    return compiled is None or compiled.search(text) is not None
