"""Defects of this app: what nobody foresaw is counted and logged with its request's id, in one place for all routes. Its caller gets a 500."""

from __future__ import annotations

import logging

log = logging.getLogger(__name__)


class Defects:
    """``count`` is the metric trimaran_defects_total."""

    def __init__(self) -> None:
        self.count = 0

    def note(self, request_id: str) -> None:
        """Called while the exception is handled."""
        self.count += 1
        log.exception("a defect of this app", extra={"fields": {"request_id": request_id}})
