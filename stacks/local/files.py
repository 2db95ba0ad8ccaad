"""Where a stack on this machine keeps what it writes; the program and the commands agree on it here."""

from __future__ import annotations

from pathlib import Path


def log_directory(root: Path, stack: str) -> Path:
    """The folder of a stack's logs."""
    return root / ".trimaran/logs" / stack


def log_file(root: Path, stack: str, revision: str) -> Path:
    """Where the app of one revision writes what it has to say."""
    return log_directory(root, stack) / f"app-{revision}.log"


def proxy_directory(root: Path, stack: str) -> Path:
    """Where the stack's nginx has its configuration and logs."""
    return root / ".trimaran/proxy" / stack
