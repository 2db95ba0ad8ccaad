"""The estimate as a table for a terminal: wide ones get every column, narrow ones what matters most."""

from __future__ import annotations

import io

from rich.console import Console
from rich.table import Table
from rich.text import Text

from cost.amounts import Case, State
from cost.lines import Estimate, Op, Total
from cost.rows import (
    MARKS,
    Row,
    assumptions,
    change_text,
    groups,
    per_hour,
    summary,
    total_text,
)

_STYLES = {Op.CREATE: "green", Op.UPDATE: "yellow", Op.DELETE: "red", Op.SAME: ""}
_STATES = {State.PRICED: "", State.USAGE_DEPENDENT: "dim", State.UNKNOWN: "magenta"}
_ROOM_FOR_QUANTITY = 88
_ROOM_FOR_HOURS = 72


def render(estimate: Estimate, case: Case, *, width: int, colour: bool) -> str:
    """The table and what is to be said under it, as wide as `width` at most."""
    console = Console(
        file=io.StringIO(), width=width, force_terminal=colour, no_color=not colour, highlight=False, soft_wrap=False
    )
    console.print(Text(f"{estimate.stack}, a month of 730 hours, {case} case", style="bold"), end="\n\n")
    console.print(_table(estimate, case, width))
    for line in summary(estimate):
        console.print(Text(line))
    notes = assumptions(estimate)
    if notes:
        console.print("\nAssumptions and gaps", style="bold")
        for note in notes:
            console.print(_hanging(note))
    text: str = console.file.getvalue()  # type: ignore[attr-defined]
    return "\n".join(line.rstrip() for line in text.splitlines())


def _table(estimate: Estimate, case: Case, width: int) -> Table:
    had_before = any(line.before for line in estimate.lines)
    columns = _columns(width, had_before)
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    table.add_column("", width=1)
    for name in columns:
        number = name not in ("what", "quantity")
        least = 24 if name == "what" and not number else None
        table.add_column(name, justify="right" if number else "left", no_wrap=number, overflow="fold", min_width=least)
    for group in groups(estimate, case):
        table.add_row("", Text(group.component, style="bold"))
        for row in group.rows:
            table.add_row(Text(MARKS[row.op], style=_STYLES[row.op]), *(_cell(row, name) for name in columns))
    table.add_row()
    table.add_row("", *(_total_cell(estimate, case, name) for name in columns))
    table.add_row()
    return table


def _columns(width: int, had_before: bool) -> list[str]:
    columns = ["what"]
    if width >= _ROOM_FOR_QUANTITY:
        columns.append("quantity")
    if width >= _ROOM_FOR_HOURS:
        columns.append("per hour")
    if had_before and width >= _ROOM_FOR_HOURS:
        columns.append("before")
    columns.append("after" if had_before else "per month")
    if had_before:
        columns.append("change")
    return columns


def _cell(row: Row, column: str) -> Text:
    texts = {
        "what": row.item,
        "quantity": row.quantity,
        "per hour": row.per_hour,
        "before": row.before,
        "after": row.after,
        "per month": row.after,
        "change": row.change,
    }
    style = _STYLES[row.op] if column == "change" else _STATES[row.state]
    return Text(texts[column], style=style)


def _total_cell(estimate: Estimate, case: Case, column: str) -> Text:
    before, after = estimate.total("before", case), estimate.total("after", case)
    texts = {
        "what": "Total, at least" if before.at_least or after.at_least else "Total",
        "quantity": "",
        "per hour": per_hour(after.usd),
        "before": _sum(before),
        "after": _sum(after),
        "per month": _sum(after),
        "change": change_text(estimate, case),
    }
    return Text(texts[column], style="bold")


def _sum(total: Total) -> str:
    """A sum beside the words `Total, at least`."""
    return total_text(total).removeprefix("at least ")


def _hanging(note: str) -> Table:
    """A note whose second line starts under the first one's text."""
    grid = Table.grid(padding=(0, 1, 0, 0))
    grid.add_row("·", Text(note))
    return grid
