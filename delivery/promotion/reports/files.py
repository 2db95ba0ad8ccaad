"""The files in which a promotion's numbers are kept: for people, for a pull request, for programs."""

from __future__ import annotations

import json
from pathlib import Path

from delivery.failure import Failure
from delivery.promotion.record import Promotion
from delivery.promotion.reports import report

DIRECTORY = Path(".trimaran/reports")


def write(root: Path, promotion: Promotion) -> Path:
    """Write HTML, Markdown and JSON; the HTML file's path. Raises Failure."""
    state = promotion.report()
    stem = root / DIRECTORY / f"promotion-{promotion.stack}-{promotion.id}"
    texts = {
        ".html": report.html(state),
        ".md": report.markdown(state),
        ".json": json.dumps(state, indent=1),
    }
    try:
        stem.parent.mkdir(parents=True, exist_ok=True)
        for suffix, text in texts.items():
            stem.with_name(stem.name + suffix).write_text(text, encoding="utf-8")
    except OSError as error:
        raise Failure(f"{stem.parent} cannot be written: {error.strerror}.", f"ls -ld {stem.parent}") from None
    return stem.with_name(stem.name + ".html")
