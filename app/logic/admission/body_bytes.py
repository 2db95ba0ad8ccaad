"""How many bytes of request bodies may be held at once: a few hundred requests with images would otherwise fill the memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from app.logic.answer import Failure, Kind
from app.logic.record import Record

MAX_BYTES = 256 * 2**20


class BodyBytes:
    """Counts the bodies of the requests under way."""

    def __init__(self, limit: int = MAX_BYTES) -> None:
        self._limit = limit
        self.held = 0

    @contextmanager
    def holding(self, record: Record) -> Iterator[None]:
        """While open, the request's body counts. Raises Failure, with status 429, when it is too many bytes with the others."""
        size = record.body_bytes
        if self.held and self.held + size > self._limit:  # the only one is let through, whatever its size
            text = f"the requests under way hold {self.held >> 20} MiB already, of {self._limit >> 20} that are taken at once"
            raise Failure(Kind.BUSY, text, reason=text, status=429, retry_after_s=1)
        self.held += size
        try:
            yield
        finally:
            self.held -= size
