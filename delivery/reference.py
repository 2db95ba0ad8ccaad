"""docs/cli.md, written from the live help so that the two never differ. Run as a module, it rewrites the page."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from typer.core import TyperGroup
from typer.main import get_group

from delivery.cli import app

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs/cli.md"
_HEAD = """# The command line

Written from the live help by `python -m delivery.reference`; a test compares the two.

Data goes to stdout, everything else to stderr. `--json` wherever there is a table; `NO_COLOR` is honoured. Exit codes:
0 done, 1 failed, 2 usage or bad config, 3 a gate said no, 4 not enough evidence, 5 could not measure, 130 stopped with
Ctrl-C.
"""
_PULUMI = "Hands everything on: `./trimaran pulumi --help` is Pulumi's own help.\n"


def reference() -> str:
    """The page as it should be."""
    sections = [f"## `./trimaran`\n\n```text\n{_help()}\n```\n"]
    for command in commands():
        name = " ".join(command)
        # It hands `--help` on, too.
        said = _PULUMI if name == "pulumi" else f"```text\n{_help(*command)}\n```\n"
        sections.append(f"## `{name}`\n\n{said}")
    return "\n".join((_HEAD, *sections))


def commands() -> list[tuple[str, ...]]:
    """Every command that the command line has, as the words that a person types, in its own order."""
    return list(_inside(get_group(app), ()))


def _inside(group: TyperGroup, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    for name, command in group.commands.items():
        if isinstance(command, TyperGroup):
            yield from _inside(command, (*path, name))
        else:
            yield (*path, name)


def _help(*command: str) -> str:
    environment = {**os.environ, "TYPER_USE_RICH": "0", "COLUMNS": "100", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-m", "delivery.cli", *command, "--help"],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return "\n".join(line.rstrip() for line in done.stdout.strip().splitlines())


if __name__ == "__main__":
    PAGE.write_text(reference(), encoding="utf-8")
