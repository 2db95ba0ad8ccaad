"""Estimates of previews that are made by hand."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from cost.amounts import Case
from cost.estimate import estimate
from cost.lines import Estimate, Line
from cost.usage import NO_USAGE, Usage
from tests.plan.made import created


def lines(*states: Mapping[str, Any], usage: Usage = NO_USAGE, region: str = "us-east-1") -> dict[str, Line]:
    """The lines of new resources by their key."""
    return {line.key: line for line in estimate(created(*states, region=region), usage).lines}


def usd(result: Estimate | Line, side: str = "after") -> Decimal | None:
    """Dollars of the expected case."""
    if isinstance(result, Line):
        return result.usd(side, Case.EXPECTED)
    return result.total(side).usd
