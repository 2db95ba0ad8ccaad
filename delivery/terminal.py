"""How commands speak: data on stdout, everything else on stderr, tables that neither wrap nor colour in a pipe."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

_PIPE_WIDTH = 1000


def data(text: str) -> None:
    """A result, on stdout."""
    sys.stdout.write(f"{text}\n")


def say(text: str) -> None:
    """Progress, a remark, an error: on stderr, at once."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def data_json(command: str, stack: str | None, values: Mapping[str, Any]) -> None:
    """A command's result as JSON, which starts with its schema and the stack."""
    data(json.dumps({"schema": f"trimaran.{command}/1", "stack": stack, **values}, indent=2))


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table on stdout; words like `ready` and `missing` carry their colour where there is colour."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    styles = {"ready": "green", "ok": "green", "missing": "red", "unreachable": "red", "not ready": "yellow"}
    shown = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        shown.add_column(column, overflow="fold")
    for row in rows:
        shown.add_row(*(Text(cell, style=styles.get(cell, "")) for cell in row))
    console = Console()
    if not console.is_terminal:
        console = Console(width=_PIPE_WIDTH)
    console.print(shown)
