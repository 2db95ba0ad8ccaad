"""docs/cli.md: what every command says of itself, for people who read before they type. Run as a module, it writes the page."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperGroup

from delivery.cli import app
from delivery.failure import ExitCode

PAGE = Path(__file__).resolve().parents[1] / "docs/cli.md"
PROGRAM = "./trimaran"

_WIDTH = 100
_EXIT_CODES = {
    ExitCode.DONE: "done",
    ExitCode.FAILED: "failed",
    ExitCode.USAGE: "usage, or a config that cannot be",
    ExitCode.GATE_SAID_NO: "a gate said no",
    ExitCode.NOT_ENOUGH_EVIDENCE: "not enough evidence",
    ExitCode.COULD_NOT_MEASURE: "could not measure",
    ExitCode.INTERRUPTED: "stopped with Ctrl-C",
}
_HEAD = """# The command line

Every command with `--help`, as it prints it. What comes of a command goes to stdout, all else to stderr; `--json` is there wherever there is a
table, and its shape is in [interfaces.md](interfaces.md); `NO_COLOR` is honoured.

STACK is `<target>-<dev|staging|prod>`; a target alone is its dev stack, and `local` is a stack of its own. People who live with Pulumi's own
command line have every verb of it under `./trimaran pulumi`.

| exit code | means |
|---|---|
"""
_TAIL = """
This page is written by `.venv/bin/python -m delivery.cli_reference`, and compared with the command line by a test.
"""


def render() -> str:
    """The page as it should be."""
    exit_codes = "".join(f"| {code} | {meaning} |\n" for code, meaning in _EXIT_CODES.items())
    sections = "\n".join(_sections())
    return f"{_HEAD}{exit_codes}\n{sections}{_TAIL}"


def commands() -> dict[str, typer.Context]:
    """Every command by the words that it is called with (`weights sync`), each with what is known where it is called."""
    return {context.command_path.removeprefix(f"{PROGRAM} "): context for context in _below(_root())}


def _root() -> typer.Context:
    return _context(typer.main.get_command(app), PROGRAM)


def _below(group: typer.Context) -> Iterator[typer.Context]:
    assert isinstance(group.command, TyperGroup)
    for name, command in group.command.commands.items():
        context = _context(command, name, group)
        if isinstance(command, TyperGroup):
            yield from _below(context)
        else:
            yield context


def _context(command: Any, name: str, parent: typer.Context | None = None) -> typer.Context:
    command.rich_markup_mode = None
    made: typer.Context = command.make_context(
        name, [], parent=parent, resilient_parsing=True, terminal_width=_WIDTH, max_content_width=_WIDTH
    )
    return made


def _sections() -> Iterator[str]:
    yield f"## `{PROGRAM}`\n\n{_help(_root())}"
    for name, context in commands().items():
        yield f"## `{name}`\n\n{_help(context)}"


def _help(context: typer.Context) -> str:
    if not context.help_option_names:
        return (
            f"{context.command.help} Every word goes there, so `{context.command_path} --help` is Pulumi's own help.\n"
        )
    lines = [line.rstrip() for line in context.get_help().strip().splitlines()]
    return "\n".join(("```text", *lines, "```", ""))


if __name__ == "__main__":
    PAGE.write_text(render(), encoding="utf-8")
