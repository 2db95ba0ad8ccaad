"""Figures with what they are held to: told as they come, shown as a table at the end, kept as JSON."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks import machine


class Results:
    """Figures with what they are held to; printed at the end and kept as JSON."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []

    def add(self, what: str, value: float, unit: str, bound: str = "", met: bool | None = None) -> None:
        self.rows.append({"figure": what, "value": round(value, 2), "unit": unit, "bound": bound, "met": met})
        Console(stderr=True).print(f"  {what}: {value:.2f} {unit}")

    def at_least(self, what: str, value: float, bound: float, unit: str) -> None:
        self.add(what, value, unit, f"at least {bound:g}", value >= bound)

    def at_most(self, what: str, value: float, bound: float, unit: str) -> None:
        self.add(what, value, unit, f"at most {bound:g}", value <= bound)


def show(results: Results, title: str, report: Path) -> None:
    """Prints the table and writes ``report``, both with the machine's facts."""
    facts = machine.facts()
    table = Table(title=f"{title}, {time.strftime('%Y-%m-%d')}: {facts}", title_justify="left")
    for column in ("figure", "value", "unit", "held to", ""):
        table.add_column(column, justify="right" if column == "value" else "left")
    for row in results.rows:
        mark = {True: "[green]met[/]", False: "[red]missed[/]", None: ""}[row["met"]]
        table.add_row(row["figure"], f"{row['value']:,}", row["unit"], row["bound"], mark)
    Console(width=110).print(table)
    report.parent.mkdir(parents=True, exist_ok=True)
    report.write_text(json.dumps({"machine": facts, "figures": results.rows}, indent=1))
