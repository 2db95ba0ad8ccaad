"""``python -m tests.faults.table`` writes the table of docs/failover.md from what really came of each fault; a test compares it with a run of its own."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.faults.callers import Caller
from tests.faults.cases import CASES, WIRES, Result, results
from tests.faults.expected import ROWS, Circuit, Mode, Outcome

PAGE = Path(__file__).parents[2] / "docs" / "failover.md"
BEGIN, END = "<!-- table: .venv/bin/python -m tests.faults.table -->\n", "\n<!-- end of table -->"


def page(found: Mapping[str, Result]) -> str:
    """The whole page: its prose as it stands, with this table in it."""
    before, _, rest = PAGE.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}{table(found)}{END}{after}"


def table(found: Mapping[str, Result]) -> str:
    """One line for each fault, one column for each mode."""
    lines = [f"| fault | {' | '.join(Mode)} |", "|---|---|---|---|"]
    for number, row in enumerate(ROWS):
        cells = [cell if isinstance(cell, str) else _cell(number, mode, found) for mode, cell in row.cells()]
        lines.append(f"| {row.name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(number: int, mode: Mode, found: Mapping[str, Result]) -> str:
    """What came of it on either wire; said once where both are alike."""
    said = {
        case.wire: told(found[case.name].outcome, mode)
        for case in CASES
        if (case.number, case.mode, case.caller) == (number, mode, Caller.COMPLETIONS)
    }
    if len(set(said.values())) == 1:
        return said[WIRES[0]]
    return "<br>".join(f"{wire}: {text}" for wire, text in said.items())


def told(outcome: Outcome, mode: Mode) -> str:
    """An outcome in a few words."""
    if outcome.answered == "a" and outcome.attempts == 1:
        return "a answers as ever"
    attempts = f"{outcome.attempts} attempt{'s' if outcome.attempts > 1 else ''}"
    alone = f"alone: {_error(outcome.alone, mode)}"
    circuit = "a is passed over until then" if outcome.circuit is Circuit.RESTS else f"circuit {outcome.circuit}"
    if not outcome.answered:
        return f"{_error((outcome.status, outcome.code), mode)}, {attempts}; circuit {outcome.circuit}"
    if outcome.rescued:
        return f"**{outcome.answered} goes on** (`{outcome.rescued}`), {attempts}; {alone}; {circuit}"
    return f"**{outcome.answered} answers**, {attempts}; {alone}; {circuit}"


def _error(seen: tuple[int, str], mode: Mode) -> str:
    status, code = seen
    if not code:
        return f"{status}"
    return f"error event `{code}`" if mode is Mode.MIDDLE else f"{status} `{code}`"


def main() -> None:
    found = asyncio.run(results())
    PAGE.write_text(page(found))
    unlike = [case.title for case in CASES if found[case.name].outcome != case.expected or found[case.name].wrong]
    if unlike:
        sys.exit("not as tests/faults/expected.py has it:\n" + "\n".join(unlike))


if __name__ == "__main__":
    main()
