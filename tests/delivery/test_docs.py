"""docs/cli.md is the live help; docs/interfaces.md names every output."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from delivery.cli_reference import PAGE, commands, render
from stacks.config import NAMESPACE
from stacks.outputs import Outputs
from tests.goldens import Golden

DOCS = Path(__file__).parents[2] / "docs"


def test_the_page_is_the_live_help(golden: Golden) -> None:
    """Every command and option."""
    golden(PAGE, render())


@pytest.mark.parametrize("name", ["promote", "weights sync"])
def test_the_page_says_what_the_command_says(name: str) -> None:
    """Asked as a person asks; where there is no colour, in the same words."""
    words = [sys.executable, "-m", "delivery.cli", *name.split(), "--help"]
    environment = {**os.environ, "TYPER_USE_RICH": "0", "TERMINAL_WIDTH": "100", "COLUMNS": "100"}
    said = subprocess.run(words, env=environment, cwd=DOCS.parent, capture_output=True, text=True, check=True).stdout

    assert said.split() == PAGE.read_text().split(f"## `{name}`\n\n```text\n")[1].split("```")[0].split()


def test_every_command_is_on_the_page() -> None:
    """Those of a group too, each under the words that it is called with."""
    page = PAGE.read_text()

    assert [name for name in commands() if f"\n## `{name}`\n" not in page] == []
    assert {"up", "promote", "rollback", "pipeline", "pulumi", "weights sync"} <= commands().keys()


def test_the_interfaces_page_names_every_output() -> None:
    """Where outputs are listed; the config's keys are held against the page beside the targets."""
    text = (DOCS / "interfaces.md").read_text()
    section = text[text.index("\noutputs:") :].partition("\n\n")[0]

    assert [each.name for each in fields(Outputs) if not re.search(rf"\b{each.name}\b", section)] == []
    assert NAMESPACE in text
