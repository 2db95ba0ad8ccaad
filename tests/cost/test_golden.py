"""What a person sees is what was read and agreed to."""

from __future__ import annotations

import pytest

from cost.estimate import estimate_of
from cost.families import BILLED, FREE
from plan.document import read
from tests.cost.goldens import RENDERED, wide
from tests.goldens import FOLDER, Golden
from tests.stacks.rehearsals import Rehearsals
from tests.stacks.shapes import EXAMPLES

COST = FOLDER / "cost"


@pytest.mark.parametrize("name", RENDERED)
def test_the_estimate_of_a_real_preview(name: str, golden: Golden) -> None:
    """Byte for byte, in every format."""
    golden(COST / name, RENDERED[name]())


@pytest.mark.parametrize("shape", EXAMPLES)
def test_the_estimate_of_a_stack(shape: str, rehearsals: Rehearsals, golden: Golden) -> None:
    """The repository's own stacks, rehearsed; every type they make is declared."""
    estimate = estimate_of(read(rehearsals.planned(shape)))

    golden(COST / f"{shape}.txt", wide(estimate))
    assert not {line.type for line in estimate.lines if line.type} - set(BILLED) - set(FREE)


def test_every_estimate_has_its_test() -> None:
    """No file is left over."""
    assert {each.name for each in COST.iterdir()} == {*RENDERED, *(f"{each}.txt" for each in EXAMPLES)}


@pytest.mark.parametrize("name", [name for name in RENDERED if name.endswith(".txt")])
def test_no_line_is_wider_than_its_terminal(name: str) -> None:
    """A table that wraps cannot be read."""
    if "sources" not in name:
        width = 60 if "narrow" in name else 100
        assert all(len(line) <= width for line in RENDERED[name]().splitlines())
