"""`logs`: what the app of a stack has written."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from delivery.engine import engine_for


def show(root: Path, stack: str, *, follow: bool, lines: int) -> None:
    """Become the program that shows it. Raises Failure where the platform has none."""
    engine = engine_for(root, stack)
    command = engine.platform.log_command(root, stack, engine.outputs(), lines=lines, follow=follow)
    sys.stdout.flush()
    os.execvp(command[0], command)
