"""`goldens`: every file that shows what a person or a machine sees is written anew, so that `git diff` is the review."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from delivery.checks import traceback_style
from delivery.failure import Failure
from delivery.terminal import say


def rewrite(root: Path) -> None:
    """Run the tests that have golden files and let them write these. Raises Failure where one could not."""
    # One process: a plan that is told as what differs from another is written after that one.
    command = [
        sys.executable,
        "-m",
        "pytest",
        "--update-goldens",
        "-n",
        "0",
        traceback_style(sys.version_info[:3]),
        "-rs",
    ]
    done = subprocess.run(command, cwd=root, check=False)
    if done.returncode != 0:
        raise Failure("not every golden file could be written.", "the tests above say why; git diff shows the others")
    say("git diff shows what has changed; commit it when it is what you meant")
