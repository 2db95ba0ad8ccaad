"""A passing and a failing case for each rule, a file a topic."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from plan.resource import Resource


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """`good` keeps the rule, `bad` breaks it with a sentence that contains `says`; both in this environment and config."""

    rule: str
    good: tuple[Resource, ...]
    bad: tuple[Resource, ...]
    says: str
    environment: str = "prod"
    config: dict[str, Any] = field(default_factory=dict)
