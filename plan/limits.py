"""What a stack's own config allows it to spend and where it may be, `trimaran:limits`; what cannot be read of it is said, never dropped."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, TypeVar

from plan.inputs import NotKnown, number_in
from plan.tokens import HIDDEN

_KEY = "trimaran:limits"
_Limit = TypeVar("_Limit")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """None where the config sets no limit. `unread` says, by the key, why one that it sets cannot be read."""

    monthly_usd: Decimal | None = None
    regions: tuple[str, ...] | None = None
    unread: Mapping[str, str] = field(default_factory=dict)

    def check_read(self, key: str) -> None:
        """Raises NotKnown where the limit of this key is set and cannot be read."""
        if key in self.unread:
            raise NotKnown(self.unread[key])


def limits_of(config: Mapping[str, str]) -> Limits:
    """The limits in a stack's config as the engine hands it out: full keys, maps and lists as JSON."""
    unread: dict[str, str] = {}
    given = _given(config.get(_KEY, ""))

    def read(key: str, parsed: Callable[[Any], _Limit | None], wanted: str) -> _Limit | None:
        value = given.get(key) if isinstance(given, Mapping) else given
        if value is None:
            return None
        limit = parsed(value) if isinstance(given, Mapping) else None
        if limit is None:
            place = f"{_KEY}.{key}" if isinstance(given, Mapping) else _KEY
            unread[key] = (
                f"{place} is {_shown(value)}, and so whether {key} is kept cannot be told: it must be {wanted}"
            )
        return limit

    monthly_usd = read("monthlyUsd", _amount, "a number of dollars")
    regions = read("regions", _names, "a list of names")
    return Limits(monthly_usd=monthly_usd, regions=regions, unread=unread)


def _given(text: str) -> Any:
    try:
        return json.loads(text or "{}", parse_float=Decimal) or {}
    except (ValueError, RecursionError):
        return text


def _amount(value: Any) -> Decimal | None:
    number = None if isinstance(value, bool) else number_in(value)
    return number if number is not None and number >= 0 else None


def _names(value: Any) -> tuple[str, ...] | None:
    named = isinstance(value, list) and all(isinstance(each, str) and each != HIDDEN for each in value)
    return tuple(value) if named else None


def _shown(value: Any) -> str:
    if value == HIDDEN or (isinstance(value, Mapping) and set(value) == {"secure"}):
        return "secret and not shown here"
    return f"'{value}'" if isinstance(value, str) else json.dumps(value, default=str)
