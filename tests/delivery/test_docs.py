"""docs/cli.md is the live help; docs/interfaces.md names every config key, command and output."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

from delivery.reference import reference
from stacks.config import KEYS, NAMESPACE
from stacks.outputs import Outputs
from tests.goldens import Golden

DOCS = Path(__file__).parents[2] / "docs"


def test_the_page_is_the_live_help(golden: Golden) -> None:
    """Every command and option."""
    golden(DOCS / "cli.md", reference())


def test_the_interfaces_page_names_every_key_and_output() -> None:
    """A key that nobody can look up is not an interface."""
    text = (DOCS / "interfaces.md").read_text()

    assert [name for name in (*KEYS, *(each.name for each in fields(Outputs)), NAMESPACE) if name not in text] == []
