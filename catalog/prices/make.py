"""Makes the rate files from the CSV sources and refuses a row that cannot be trusted. Run: .venv/bin/python -m catalog.prices.make"""

from __future__ import annotations

import csv
import json
import re
import sys
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from catalog.prices import RATES, SOURCES, family_of

COLUMNS = ["sku", "region", "unit", "usd", "checked", "source", "note"]
_SKU = re.compile(r"[a-z-]+(:[A-Za-z0-9][\w./-]*){1,2}")
_REGION = re.compile(r"global|[a-z]+[a-z0-9-]*[0-9a-z]")
_UNIT = re.compile(r"(1k |10k |million )?[A-Za-z]+(-[A-Za-z]+)*")
_CHECKED = re.compile(r"20\d\d(-(0[1-9]|1[0-2])(-([0-2]\d|3[01]))?)?")


class PriceError(ValueError):
    """A row of a source that cannot be used; says the file, the line and what is wrong."""


def make() -> dict[str, str]:
    """The text of every rate file by its name. Raises PriceError."""
    texts = _source_texts()
    families: dict[str, dict[str, dict[str, list[Any]]]] = {}
    sources: dict[str, list[str]] = {}
    for where, row in _rows():
        _check(where, row, texts)
        name = family_of(row["sku"])
        known = sources.setdefault(name, [])
        text = texts[row["source"]]
        if text not in known:
            known.append(text)
        rate: list[Any] = [row["usd"], row["unit"], row["checked"], known.index(text)]
        regions = families.setdefault(name, {}).setdefault(row["sku"], {})
        if row["region"] in regions:
            raise PriceError(f"{where}: {row['sku']} has two rates in {row['region']}.")
        if row["note"]:
            rate.append(row["note"])
        regions[row["region"]] = rate
    return {f"{name}.json": _json(sources[name], rates) for name, rates in sorted(families.items())}


def _source_texts() -> dict[str, str]:
    with (SOURCES / "sources.csv").open(encoding="utf-8", newline="") as file:
        return {row["key"]: row["text"] for row in csv.DictReader(file)}


def _rows() -> Iterator[tuple[str, dict[str, str]]]:
    for path in sorted(SOURCES.glob("*.csv")):
        if path.name == "sources.csv":
            continue
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            if reader.fieldnames != COLUMNS:
                raise PriceError(f"{path.name}: the columns must be {', '.join(COLUMNS)}.")
            for row in reader:
                yield f"{path.name}, line {reader.line_num}", row


def _check(where: str, row: dict[str, str], texts: dict[str, str]) -> None:
    patterns = {"sku": _SKU, "region": _REGION, "unit": _UNIT, "checked": _CHECKED}
    for column, pattern in patterns.items():
        if not pattern.fullmatch(row[column]):
            raise PriceError(f"{where}: {column} is '{row[column]}', which does not look like one.")
    if row["source"] not in texts:
        raise PriceError(f"{where}: source '{row['source']}' is not in sources.csv.")
    try:
        dollars = Decimal(row["usd"])
    except InvalidOperation:
        raise PriceError(f"{where}: '{row['usd']}' is not an amount of dollars.") from None
    if not dollars > 0 or "e" in row["usd"].lower():
        raise PriceError(f"{where}: a rate is above zero and written out; it is '{row['usd']}'.")


def _json(sources: list[str], rates: dict[str, dict[str, list[Any]]]) -> str:
    """One line a thing, so that a change of one rate is one line of a diff."""
    lines = [f"{json.dumps(sku)}: {json.dumps(regions)}" for sku, regions in sorted(rates.items())]
    return f'{{"sources": {json.dumps(sources)},\n"rates": {{\n' + ",\n".join(lines) + "\n}}\n"


def write(directory: Path = RATES) -> None:
    """Rewrite the rate files, and remove those of families that are gone."""
    directory.mkdir(exist_ok=True)
    made = make()
    for stale in directory.glob("*.json"):
        if stale.name not in made:
            stale.unlink()
    for name, text in made.items():
        (directory / name).write_text(text, encoding="utf-8")


def main() -> int:
    """Rewrite the rate files; a row that cannot be trusted is one line and the exit code of wrong input."""
    try:
        write()
    except PriceError as error:
        sys.stderr.write(
            f"error: {error}\nhint: edit catalog/prices/sources/; docs/adding-a-price.md says what each column is\n"
        )
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
