"""Every fault, in every mode, at backends of either wire, met by callers of every wire: what must come of it, and the page that says so."""

from __future__ import annotations

import pytest

from tests.faults import table
from tests.faults.cases import CASES, Case, Result
from tests.faults.expected import ROWS
from tests.goldens import Golden

pytestmark = pytest.mark.alone  # what is promised of a fault is promised within times


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_the_outcome_is_the_one_that_was_promised(results: dict[str, Result], case: Case) -> None:
    """Who answers, after how many attempts, what the caller sees, and what becomes of the circuit."""
    assert results[case.name].outcome == case.expected, case.title


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_the_answer_is_whole_and_valid(results: dict[str, Result], case: Case) -> None:
    """Not a character lost or doubled; one id, role, finish reason and end; truthful counts."""
    assert results[case.name].wrong == [], case.title


def test_the_page_is_what_really_came(results: dict[str, Result], golden: Golden) -> None:
    """The prose stays, the table is written anew."""
    golden(table.PAGE, table.page(results))


def test_the_table_has_no_empty_cell(results: dict[str, Result]) -> None:
    """Each fault has an outcome in each mode, or the reason why it cannot be."""
    lines = table.table(results).splitlines()[2:]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]

    assert len(cells) == len(ROWS)
    assert [row for row in cells if len(row) != 4 or not all(row)] == []
