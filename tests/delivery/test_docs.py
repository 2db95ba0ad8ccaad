"""docs/cli.md is the live help; docs/interfaces.md names every config key, command and output."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

from delivery.reference import commands, reference
from stacks.config import NAMESPACE, keys_of
from stacks.outputs import Outputs
from stacks.targets import TARGETS
from tests.goldens import Golden

DOCS = Path(__file__).parents[2] / "docs"


def test_the_page_is_the_live_help(golden: Golden) -> None:
    """Every command and option."""
    golden(DOCS / "cli.md", reference())


def test_the_page_has_every_command() -> None:
    """Also those that were added last, and those inside a group."""
    assert {("promote",), ("rollback",), ("pipeline",), ("weights", "sync")} <= set(commands())


def test_the_interfaces_page_names_every_key_and_output() -> None:
    """A key that nobody can look up is not an interface."""
    text = (DOCS / "interfaces.md").read_text()
    keys = [key for target in TARGETS.values() for key in keys_of(target.config_type())]

    assert [name for name in (*keys, *(each.name for each in fields(Outputs)), NAMESPACE) if name not in text] == []
