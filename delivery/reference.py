"""docs/cli.md, written from the live help so that the two never differ. Run as a module, it rewrites the page."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs/cli.md"
_COMMANDS = (
    "up",
    "down",
    "status",
    "logs",
    "serve",
    "rehearse",
    "bootstrap",
    "weights sync",
    "pulumi",
    "doctor",
    "cost",
    "policies",
    "eval",
    "test",
    "goldens",
)
_HEAD = """# The command line

Written from the live help by `python -m delivery.reference`; a test compares the two.

Data goes to stdout, everything else to stderr. `--json` wherever there is a table; `NO_COLOR` is honoured. Exit codes:
0 done, 1 failed, 2 usage or bad config, 3 a gate said no, 4 not enough evidence, 5 could not measure, 130 stopped with
Ctrl-C.
"""


def reference() -> str:
    """The page as it should be."""
    sections = [f"## `./trimaran`\n\n```text\n{_help()}\n```\n"]
    sections += [f"## `{name}`\n\n```text\n{_help(*name.split())}\n```\n" for name in _COMMANDS if name != "pulumi"]
    sections.append("## `pulumi`\n\nHands everything on: `./trimaran pulumi --help` is Pulumi's own help.\n")
    return "\n".join((_HEAD, *sections))


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
