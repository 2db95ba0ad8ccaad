"""`logs`: what the app of a stack on this machine has written."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from delivery.engine import engine_for
from delivery.failure import Failure
from stacks.local.files import log_directory, log_file


def show(root: Path, stack: str, *, follow: bool, lines: int) -> None:
    """Become `tail` on the log of the running revision; it knows rotation and Ctrl-C."""
    path = _path(root, stack)
    sys.stdout.flush()
    follow_flags = ["-F"] if follow else []
    os.execvp("tail", ["tail", "-n", str(lines), *follow_flags, str(path)])


def _path(root: Path, stack: str) -> Path:
    outputs = engine_for(root, stack).outputs()
    if outputs:
        path = log_file(root, stack, str(outputs["revision"]))
        if not path.exists():
            raise Failure(f"{path} is gone.", f"./trimaran up {stack}")
        return path
    kept = sorted(log_directory(root, stack).glob("app-*.log"), key=lambda each: each.stat().st_mtime)
    if not kept:
        raise Failure(f"stack '{stack}' is not deployed and has left no log.", f"./trimaran up {stack}")
    return kept[-1]
