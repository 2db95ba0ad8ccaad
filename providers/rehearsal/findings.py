"""What checking a resource yields: a sentence for what is wrong, and a path for what was validated or could not be."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from providers.rehearsal.values import Path, dotted

_SHOWN_CHARACTERS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class InputPlace:
    """Where in a resource's inputs a value stands: its path on the wire, as the program writes it, and if it is secret."""

    path: Path = ()
    shown: Path = ()
    secret: bool = False

    def member(self, name: str, shown: str) -> InputPlace:
        """The place of a property."""
        return replace(self, path=(*self.path, name), shown=(*self.shown, shown))

    def at(self, step: str | int) -> InputPlace:
        """The place of a list's item or of a map's key."""
        return replace(self, path=(*self.path, step), shown=(*self.shown, step))

    def hidden(self, secret: bool) -> InputPlace:
        """The same place; its value is not to be shown when it is secret."""
        return replace(self, secret=self.secret or secret)

    def __str__(self) -> str:
        return dotted(self.shown) or "its inputs"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """An input that is wrong: the sentence names the property, the value seen and what to do."""

    place: InputPlace
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Validated:
    """An input that some schema knows and found good."""

    path: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class NotKnown:
    """An input that is only known after the deployment has begun."""

    path: Path


Seen = Finding | Validated | NotKnown


def wrong(place: InputPlace, value: Any, expected: str) -> Finding:
    """The finding for a value that is not what it must be."""
    return Finding(place=place, sentence=f"{place} is {shown(value, place)}; it must be {expected}.")


def shown(value: Any, place: InputPlace) -> str:
    """A value in a sentence: short, and never a secret."""
    if place.secret:
        return "[secret]"
    if isinstance(value, bool):
        return str(value)
    if isinstance(value, str):
        text = value if len(value) <= _SHOWN_CHARACTERS else f"{value[:_SHOWN_CHARACTERS]}…"
        return f"'{text}'"
    if isinstance(value, int | float):
        return f"{value:g}"
    return "a list" if isinstance(value, list) else "a map"


def nearest(word: str, known: Iterable[str]) -> str:
    """' Did you mean …?' for the closest known word, or nothing."""
    by_folded = {folded(each): each for each in known}
    matches = difflib.get_close_matches(folded(word), by_folded, n=1, cutoff=0.5)
    return f" Did you mean '{by_folded[matches[0]]}'?" if matches else ""


def folded(name: str) -> str:
    """A name without what differs between snake, camel and Pascal case."""
    return name.replace("_", "").replace("-", "").lower()


def snake(name: str) -> str:
    """A wire name as a Python program writes it."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


def one_of(values: Iterable[str]) -> str:
    """A choice in a sentence: all of a short one, the beginning of a long one."""
    listed = list(values)
    shown_values = ", ".join(listed[:12])
    return f"one of {shown_values}{', …' if len(listed) > 12 else ''}"
