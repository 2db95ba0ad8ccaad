"""What an error may repeat of a text that a caller sent: its beginning. Whole, it would be logged, stored and sent back at any length."""

from __future__ import annotations

MAX_CHARS = 200


def excerpt(text: str) -> str:
    """``text``, or its first 200 characters and a mark that there was more."""
    return text if len(text) <= MAX_CHARS else text[:MAX_CHARS] + "…"
