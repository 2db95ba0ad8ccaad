"""A resource as it is planned, and the same as a rule reads it: by declared paths only, honest about what is not known."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

# What the engine writes instead of a value that only the cloud will know, one for each type of value.
_UNKNOWNS = frozenset(
    {
        "04da6b54-80e4-46f7-96ec-b56ff0331ba9",
        "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",
        "3eeb2bf0-c639-47a8-9e75-3b44932eb421",
        "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",
        "030794c1-ac77-496b-92df-f27374a8bd58",
        "e48ece36-62e2-4504-bad9-02848725956a",
        "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",
    }
)
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
_HIDDEN = "[secret]"
_SIGNATURE = "4dabf18193072939515e22adb298388d"
_SECRET = "1b47061264138c4ac30d75fd1eb44270"
# Two tokens that the SDK has for one thing: a rule names one of them and holds for both.
_SAME_MODULE = {"aws:alb/": "aws:lb/"}
_SAME_TYPE = {"aws:s3/bucketV2:BucketV2": "aws:s3/bucket:Bucket"}


class NotKnown(ValueError):
    """An input that a rule needs is not known before something else has been made; the text names it and says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """One resource of a plan. `links` are the URNs that an input refers to, by the input's name.

    `default_tags` and `region` are what its provider adds to it; empty where that is nothing or not known.
    """

    urn: str
    type: str
    inputs: Mapping[str, Any]
    links: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    default_tags: Mapping[str, str] = field(default_factory=dict)
    region: str = ""

    @property
    def name(self) -> str:
        """What the program calls it."""
        return self.urn.rpartition("::")[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """What one rule sees of a resource, or of one item in a list of it: the paths that the rule has declared."""

    planned: Planned
    declared: Collection[str]
    values: Mapping[str, Any]
    prefix: str = ""

    @property
    def name(self) -> str:
        """What the program calls the resource."""
        return self.planned.name

    @property
    def type(self) -> str:
        """The type token that rules use."""
        return known_as(self.planned.type)

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

    def whole(self, path: str) -> int | None:
        """A whole number; None where it is not set. Raises NotKnown."""
        value = self._known(path)
        try:
            return None if value is None else int(float(value))
        except (TypeError, ValueError):
            raise NotKnown(f"{self.prefix}{path} is '{value}', not a number") from None

    def texts(self, path: str) -> tuple[str, ...]:
        """The items of a list of texts. Raises NotKnown where one of them is not known."""
        return tuple(str(self._seen(item, path)) for item in self._items(path))

    def count(self, path: str) -> int:
        """How many items a list has, even where they themselves are not known. Raises NotKnown."""
        return len(self._items(path))

    def each(self, path: str) -> tuple[Resource, ...]:
        """The items of a list of maps; one map counts as a list of one. Raises NotKnown."""
        return tuple(
            Resource(
                planned=self.planned,
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
        return [_opened(item) for item in value] if isinstance(value, list) else [value]

    def _known(self, path: str) -> Any:
        return self._seen(self._at(path), path)

    def _seen(self, value: Any, path: str) -> Any:
        if is_unknown(value):
            raise NotKnown(f"{self.prefix}{path} is not known before the first `up`")
        if value == _HIDDEN:
            raise NotKnown(f"{self.prefix}{path} is secret and not shown in this preview")
        return value

    def _at(self, path: str) -> Any:
        if f"{self.prefix}{path}" not in self.declared:
            raise LookupError(
                f"the rule reads '{self.prefix}{path}' of {self.type}, which its `reads` does not declare"
            )
        value: Any = self.values
        for part in path.split("."):
            value = _opened(value)
            if is_unknown(value) or value == _HIDDEN:
                return value
            # A single block is a map in some versions of an SDK and a list of one in others.
            if isinstance(value, list) and len(value) == 1:
                value = _opened(value[0])
            value = value.get(part) if isinstance(value, Mapping) else None
        return _opened(value)


def known_as(type_: str) -> str:
    """The token that rules use for a type."""
    for other, ours in _SAME_MODULE.items():
        if type_.startswith(other):
            return ours + type_.removeprefix(other)
    return _SAME_TYPE.get(type_, type_)


def is_unknown(value: object) -> bool:
    """Whether this value is only known once something else has been made."""
    return isinstance(value, str) and value in _UNKNOWNS


def plain(value: Any) -> Any:
    """The value with every secret taken out of its wrapper; what is not known is `UNKNOWN` whatever its type."""
    value = _opened(value)
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return UNKNOWN if is_unknown(value) else value


def texts_in(value: Any) -> Iterator[str]:
    """A text, or the texts of a list: what JSON documents write in either form."""
    yield from ([value] if isinstance(value, str) else [each for each in value or () if isinstance(each, str)])


def _opened(value: Any) -> Any:
    while isinstance(value, Mapping) and value.get(_SIGNATURE) == _SECRET:
        value = value.get("value")
    return value
