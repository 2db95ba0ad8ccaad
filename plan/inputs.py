"""A resource's inputs as one reader sees them: typed, by declared paths only, and honest about what is not known yet.

A reader is a price or a rule. What it reads it has declared, so that the list of inputs that decide is that of the code.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

from catalog.clouds import known_as
from plan.resource import Resource
from plan.tokens import HIDDEN, is_unknown, opened, plain


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
        return default if value is None else str(value)

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
        return tuple(str(self._seen(item, path)) for item in self._items(path))

    def count(self, path: str) -> int:
        """How many items a list has, even where they themselves are not known. Raises NotKnown."""
        return len(self._items(path))

    def each(self, path: str) -> tuple[Inputs, ...]:
        """The items of a list of maps; one map counts as a list of one. Raises NotKnown."""
        return tuple(
            Inputs(
                resource=self.resource,
                reader=self.reader,
                declared=self.declared,
                values=self._seen(item, path),
                prefix=f"{self.prefix}{path}[].",
            )
            for item in self._items(path)
        )

    def pairs(self, path: str) -> dict[str, str]:
        """A map of texts; a value that is not known stays as `UNKNOWN`. Raises NotKnown for the map itself."""
        value = self._known(path)
        return {str(key): str(each) for key, each in plain(value or {}).items()}

    def document(self, path: str) -> Any:
        """What a text of JSON holds, or the value itself; None where it is not set. Raises NotKnown."""
        value = plain(self._known(path))
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value)
        except ValueError:
            raise NotKnown(f"{self.prefix}{path} is not JSON") from None

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
        value = _walked(self.values, path)
        return _walked(self.fallback, path) if value is None else value


def number_in(value: Any) -> Decimal | None:
    """A value as an exact number; None where it is none, or not finite: `Infinity` and `NaN` are words to Decimal, not to a cloud."""
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def texts_in(value: Any) -> Iterator[str]:
    """A text, or the texts of a list: what JSON documents write in either form."""
    if isinstance(value, str):
        yield value
    else:
        yield from (each for each in value or () if isinstance(each, str))


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
