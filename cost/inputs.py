"""A resource's inputs as a quantity reads them: typed, by declared paths only, and honest about what is not known yet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

from cost.amounts import Amount, exactly, unknown
from cost.aws.bearing import READS

# What the engine writes in a preview instead of a value that only the cloud will know, and instead of a secret.
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
SECRET = "[secret]"


class NotKnownYet(ValueError):
    """A text or list that decides how a resource is billed is not known in this preview; the text names the input."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """The inputs of one resource, or of one item in a list of them (`prefix`). What is not set is looked up in `fallback`.

    Old inputs can be sparse, so the outputs stand in for what they lack.
    """

    type: str
    values: Mapping[str, Any]
    fallback: Mapping[str, Any] = field(default_factory=dict)
    prefix: str = ""

    def amount(self, path: str, default: Decimal | int | None = None) -> Amount:
        """A number; unknown where it is not known yet or is neither set nor has a default."""
        value = self._at(path)
        if value is None:
            return unknown(f"{self.prefix}{path} is not set") if default is None else exactly(default)
        if value in (UNKNOWN, SECRET):
            return unknown(f"{self.prefix}{path} is {_reason(value)}")
        try:
            return exactly(Decimal(str(value)))
        except InvalidOperation:
            return unknown(f"{self.prefix}{path} is '{value}', not a number")

    def text(self, path: str, default: str = "") -> str:
        """A text. Raises NotKnownYet."""
        value = self._known(path)
        return default if value is None else str(value)

    def flag(self, path: str, *, default: bool = False) -> bool:
        """A yes or no. Raises NotKnownYet."""
        value = self._known(path)
        return default if value is None else value in (True, "true", "True")

    def has(self, path: str) -> bool:
        """Whether it is set to anything."""
        return self._at(path) not in (None, "", [], {})

    def count(self, path: str) -> Amount:
        """How many items a list has, even where the items themselves are not known yet."""
        value = self._at(path)
        if value in (UNKNOWN, SECRET):
            return unknown(f"{self.prefix}{path} is {_reason(value)}")
        return exactly(len(value) if isinstance(value, list) else 0)

    def each(self, path: str) -> tuple[Inputs, ...]:
        """The items of a list of maps. Raises NotKnownYet."""
        items = self._known(path)
        if any(item in (UNKNOWN, SECRET) for item in items or ()):
            raise NotKnownYet(f"{self.prefix}{path} is not known before the first `up`")
        return tuple(Inputs(type=self.type, values=item, prefix=f"{self.prefix}{path}[].") for item in items or ())

    def texts(self, path: str) -> tuple[str, ...]:
        """The items of a list of texts that are known."""
        items = self._known(path)
        return tuple(str(item) for item in items or () if item not in (UNKNOWN, SECRET))

    def _known(self, path: str) -> Any:
        value = self._at(path)
        if value in (UNKNOWN, SECRET):
            raise NotKnownYet(f"{self.prefix}{path} is {_reason(value)}")
        return value

    def _at(self, path: str) -> Any:
        if f"{self.prefix}{path}" not in READS.get(self.type, ()):
            raise LookupError(f"{self.type}: '{self.prefix}{path}' is not in cost/aws/bearing.py")
        value = _walk(self.values, path)
        return _walk(self.fallback, path) if value is None else value


def _walk(values: Any, path: str) -> Any:
    for part in path.split("."):
        if values in (UNKNOWN, SECRET):
            return values
        values = values.get(part) if isinstance(values, Mapping) else None
    return values


def _reason(value: Any) -> str:
    return "secret" if value == SECRET else "not known before the first `up`"
