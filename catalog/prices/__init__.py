"""Prices as dated facts: one rate for one thing in one region, each with its unit, its source and the day it was checked.

The CSV files in `sources/` are what people edit; `make.py` checks them and writes the files in `rates/` that are read here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

RATES = Path(__file__).with_name("rates")
SOURCES = Path(__file__).with_name("sources")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """US dollars for one `unit`. `checked` is a year, a month or a day; `source` says where the price was read."""

    sku: str
    region: str
    unit: str
    usd: Decimal
    checked: str
    source: str
    note: str = ""


def find(sku: str, region: str) -> Rate | None:
    """The rate of `sku` (cloud:family:name) in `region`, or everywhere where it is the same; None when it is not known."""
    family = _family(family_of(sku))
    regions = family["rates"].get(sku) or {}
    place = region if region in regions else "global"
    if place not in regions:
        return None
    usd, unit, checked, source, *note = regions[place]
    return Rate(
        sku=sku,
        region=place,
        unit=unit,
        usd=Decimal(usd),
        checked=checked,
        source=family["sources"][source],
        note="".join(note),
    )


def regions_of(sku: str) -> tuple[str, ...]:
    """Where a rate of `sku` is known."""
    return tuple(_family(family_of(sku))["rates"].get(sku) or ())


def family_of(sku: str) -> str:
    """The name of the rate file that holds `sku`: its cloud, and its family where there are three parts."""
    cloud, *rest = sku.split(":")
    return "-".join((cloud, *rest[:-1]))


@cache
def _family(name: str) -> Mapping[str, Any]:
    # A name comes out of a plan: it is looked for among the files, never made into a path.
    if name not in _names():
        return {"sources": [], "rates": {}}
    family: Mapping[str, Any] = json.loads((RATES / f"{name}.json").read_text(encoding="utf-8"))
    return family


@cache
def _names() -> frozenset[str]:
    return frozenset(path.stem for path in RATES.glob("*.json"))
