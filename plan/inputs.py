"""A resource's inputs as one reader sees them: typed, by declared paths only, and honest about what is not known yet.

A reader is a price or a rule. What it reads it has declared, so that the list of inputs that decide is that of the code.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any, TypeVar

from catalog.clouds import known_as
from plan.resource import Resource
from plan.tokens import HIDDEN, is_unknown, opened, plain

_Item = TypeVar("_Item")
_Read = TypeVar("_Read")


class NotKnown(ValueError):
    """An input that decides is not known before something else has been made; the text names it and says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """The inputs of one resource, or of one item in a list of them (`prefix`), as `reader` has declared them.

    What is not set in `values` is looked up in `fallback`: inputs of what exists can be sparse, and outputs complete them.
    """

    resource: Resource
    reader: str
    declared: Collection[str]
    values: Mapping[str, Any]
    fallback: Mapping[str, Any] = field(default_factory=dict)
    prefix: str = ""

    @property
    def name(self) -> str:
        """What the program calls the resource."""
        return self.resource.name

    @property
    def type(self) -> str:
        """The type token that tables use."""
        return known_as(self.resource.type)

    def has(self, path: str) -> bool:
        """Whether it is set to anything, known or not."""
        return self._at(path) not in (None, "", [], {})

    def text(self, path: str, default: str = "") -> str:
        """A text. Raises NotKnown."""
        value = self._known(path)
        return default if value is None else self._text(value, path)

    def shown(self, path: str, default: str) -> str:
        """A text as a sentence names it, where that may be missing or not known."""
        try:
            return self.text(path, default)
        except NotKnown:
            return default

    def flag(self, path: str, *, default: bool = False) -> bool:
        """A yes or no. Raises NotKnown."""
        value = self._known(path)
        return default if value is None else value in (True, "true", "True")

    def number(self, path: str) -> Decimal | None:
        """A number, exact and finite; None where it is not set. Raises NotKnown."""
        value = self._known(path)
        if value is None:
            return None
        number = number_in(value)
        if number is None:
            raise NotKnown(f"{self.prefix}{path} is '{value}', not a number")
        return number

    def whole(self, path: str) -> int | None:
        """A whole number; None where it is not set. Raises NotKnown."""
        number = self.number(path)
        if number is None:
            return None
        if number % 1:
            raise NotKnown(f"{self.prefix}{path} is '{number}', not a whole number")
        return int(number)

    def texts(self, path: str) -> tuple[str, ...]:
        """The items of a list of texts. Raises NotKnown where one of them is not known."""
        return tuple(self._text(item, path) for item in self._items(path))

    def each_text(self, path: str) -> Iterator[str]:
        """The items of a list of texts that are known; raises NotKnown only behind the last of them where one is not."""
        return known_first(self._items(path), lambda item: self._text(item, path))

    def count(self, path: str) -> int:
        """How many items a list has, even where they themselves are not known. Raises NotKnown."""
        return len(self._items(path))

    def each(self, path: str) -> tuple[Inputs, ...]:
        """The items of a list of maps; one map counts as a list of one. Raises NotKnown for the list itself, not for an item:
        one that is not known, or no map, is so when it is read.
        """
        return tuple(
            Inputs(
                resource=self.resource,
                reader=self.reader,
                declared=self.declared,
                values=item,
                prefix=f"{self.prefix}{path}[].",
            )
            for item in self._items(path)
        )

    def pairs(self, path: str) -> dict[str, str]:
        """A map of texts; a value that is not known stays as `UNKNOWN`. Raises NotKnown for the map itself."""
        value = plain(self._known(path) or {})
        if not isinstance(value, Mapping):
            raise NotKnown(f"{self.prefix}{path} is no map")
        return {str(key): str(each) for key, each in value.items()}

    def document(self, path: str) -> Any:
        """What a text of JSON holds, or the value itself; None where it is not set. Raises NotKnown."""
        value = plain(self._known(path))
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value)
        except ValueError:
            raise NotKnown(f"{self.prefix}{path} is not JSON") from None

    def _text(self, item: Any, path: str) -> str:
        value = self._seen(item, path)
        if isinstance(value, Mapping | list):
            raise NotKnown(f"{self.prefix}{path} is no text")
        return str(value)

    def _items(self, path: str) -> Sequence[Any]:
        value = self._known(path)
        if value is None:
            return ()
        return [opened(item) for item in value] if isinstance(value, list) else [value]

    def _known(self, path: str) -> Any:
        return self._seen(self._at(path), path)

    def _seen(self, value: Any, path: str) -> Any:
        if is_unknown(value):
            raise NotKnown(f"{self.prefix}{path} is not known before the first `up`")
        if value == HIDDEN:
            raise NotKnown(f"{self.prefix}{path} is secret and not shown in this preview")
        return value

    def _at(self, path: str) -> Any:
        if f"{self.prefix}{path}" not in self.declared:
            raise LookupError(
                f"{self.reader} reads '{self.prefix}{path}' of {self.type}, which its `reads` does not declare"
            )
        if not self.resource.readable:
            raise NotKnown("the engine could not write down what it will be")
        values = opened(self.values)
        if not isinstance(values, Mapping) and not is_unknown(values) and values != HIDDEN:
            raise NotKnown(f"an item of {self.prefix.removesuffix('[].')} is no map")
        value = _walked(values, path)
        return _walked(self.fallback, path) if value is None else value


def known_first(items: Iterable[_Item], read: Callable[[_Item], _Read]) -> Iterator[_Read]:
    """What is read of each item; of those that raise NotKnown the first does so behind all others, for it hides none of them."""
    open_: NotKnown | None = None
    for item in items:
        try:
            seen = read(item)
        except NotKnown as reason:
            open_ = open_ or reason
        else:
            yield seen
    if open_:
        raise open_


def some(items: Iterable[_Item], holds: Callable[[_Item], bool]) -> bool:
    """Whether any item holds; one that certainly does decides, whatever of the others is not known. Raises NotKnown."""
    return any(known_first(items, holds))


def every(items: Iterable[_Item], holds: Callable[[_Item], bool]) -> bool:
    """Whether all items hold; one that certainly does not decides, whatever of the others is not known. Raises NotKnown."""
    return all(known_first(items, holds))


def number_in(value: Any) -> Decimal | None:
    """A value as an exact number; None where it is none, or not finite: `Infinity` and `NaN` are words to Decimal, not to a cloud."""
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def _walked(values: Any, path: str) -> Any:
    for part in path.split("."):
        values = opened(values)
        if is_unknown(values) or values == HIDDEN:
            return values
        # A single block is a map in some versions of an SDK and a list of one in others.
        if isinstance(values, list) and len(values) == 1:
            values = opened(values[0])
        values = values.get(part) if isinstance(values, Mapping) else None
    return opened(values)
