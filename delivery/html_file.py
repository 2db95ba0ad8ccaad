"""Where a report is written as one HTML file: checked before anything is asked and paid for, and never over what is no report."""

from __future__ import annotations

from pathlib import Path

from delivery.failure import ExitCode, Failure
from delivery.terminal import say

_BEGINS = b"<!doctype html>"


def check(path: Path | None) -> None:
    """Raises Failure with exit code 2 where ``path`` cannot be written, or holds something else than an HTML page."""
    if path is None:
        return
    if path.is_dir():
        raise Failure(f"{path} is a directory.", "name a file with --html", ExitCode.USAGE)
    try:
        if path.exists() and path.stat().st_size and not path.read_bytes().startswith(_BEGINS):
            raise Failure(f"{path} is there and no HTML page: it would be lost.", "name another file", ExitCode.USAGE)
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab"):
            pass  # so that a directory that takes no file is told now
    except OSError as error:
        raise Failure(f"{path} cannot be written: {error.strerror}.", "name another file", ExitCode.USAGE) from None


def write(path: Path, text: str) -> None:
    """Write the page and say where it is. Raises Failure."""
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise Failure(f"{path} cannot be written: {error.strerror}.", "name another file with --html") from None
    say(f"report: {path}")
