"""Exceptions: one rule, one resource, a reason and a last day. One that has run out is itself a violation."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("exceptions.yaml")
_KEYS = {"rule", "resource", "stack", "reason", "expires"}


class ExceptionsError(ValueError):
    """A file of exceptions that cannot be used; the text says which entry, why and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Excepted:
    """One exception: `resource` and `stack` are shell patterns over their names, `expires` is its last day."""

    rule: str
    resource: str
    reason: str
    expires: date
    stack: str = "*"

    def covers(self, rule: str, resource: str, stack: str, today: date) -> bool:
        """Whether it lets this resource of this stack break this rule today."""
        return today <= self.expires and self.rule == rule and self.concerns(resource, stack)

    def concerns(self, resource: str, stack: str) -> bool:
        """Whether it speaks of this resource of this stack, whatever the day."""
        return fnmatchcase(resource, self.resource) and fnmatchcase(stack, self.stack)


def current(known_rules: Collection[str]) -> tuple[Excepted, ...]:
    """The exceptions in this repository's own file. Raises ExceptionsError."""
    return read(FILE.read_text(encoding="utf-8"), known_rules, f"policies/{FILE.name}")


def read(text: str, known_rules: Collection[str], source: str) -> tuple[Excepted, ...]:
    """The exceptions in a file's text. Raises ExceptionsError."""
    import yaml

    document = yaml.safe_load(text) or {}
    entries = document.get("exceptions") or [] if isinstance(document, Mapping) else None
    if not isinstance(entries, list):
        raise ExceptionsError(f"{source} must be a map with a list `exceptions`.")
    return tuple(_entry(each, f"{source}, entry {at}", known_rules) for at, each in enumerate(entries, 1))


def _entry(entry: Any, where: str, known_rules: Collection[str]) -> Excepted:
    if not isinstance(entry, Mapping):
        raise ExceptionsError(f"{where} must be a map of rule, resource, reason and expires.")
    unknown = set(entry) - _KEYS
    missing = {"rule", "resource", "reason", "expires"} - {key for key, value in entry.items() if value}
    if unknown or missing:
        wrong = f"has unknown keys: {', '.join(sorted(unknown))}" if unknown else f"lacks {', '.join(sorted(missing))}"
        raise ExceptionsError(f"{where} {wrong}. An exception says rule, resource, reason and expires.")
    if entry["rule"] not in known_rules:
        raise ExceptionsError(f"{where}: there is no rule '{entry['rule']}'. ./trimaran policies lists them.")
    if not isinstance(entry["expires"], date):
        raise ExceptionsError(f"{where}: expires is '{entry['expires']}'; it must be a day like 2027-01-31.")
    return Excepted(
        rule=str(entry["rule"]),
        resource=str(entry["resource"]),
        reason=str(entry["reason"]),
        expires=entry["expires"],
        stack=str(entry.get("stack") or "*"),
    )
