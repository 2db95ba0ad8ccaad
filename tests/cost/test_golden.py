"""What a person sees is what was read and agreed to; `python -m tests.cost.goldens` rewrites it."""

from __future__ import annotations

import pytest

from cost.families import BILLED, FREE
from tests.cost.goldens import FOLDER, RENDERED, of_stack, stacks, wide


@pytest.mark.parametrize("name", RENDERED)
def test_the_estimate_of_a_real_preview(name: str) -> None:
    """Byte for byte, in every format."""
    assert RENDERED[name]() == (FOLDER / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("stack", stacks())
def test_the_estimate_of_a_stack(stack: str) -> None:
    """The repository's own stacks, rehearsed; every type they make is declared."""
    estimate = of_stack(stack)

    assert not {line.type for line in estimate.lines if line.type} - set(BILLED) - set(FREE)
    assert wide(estimate) == (FOLDER / f"{stack}.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", [name for name in RENDERED if name.endswith(".txt")])
def test_no_line_is_wider_than_its_terminal(name: str) -> None:
    """A table that wraps cannot be read."""
    if "sources" not in name:
        width = 60 if "narrow" in name else 100
        assert all(len(line) <= width for line in RENDERED[name]().splitlines())
