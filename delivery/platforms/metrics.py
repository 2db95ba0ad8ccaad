"""Where it is read what both versions did, as promotion sees it."""

from __future__ import annotations

from typing import Protocol

from delivery.evidence import Window


class MetricsError(Exception):
    """What was counted cannot be read: the step could not be measured, and green gets no more. May end in a hint line."""


class Metrics(Protocol):
    """A platform's memory of what each revision counted."""

    def read(self, since_s: float) -> Window:
        """What was counted since a time, in Unix seconds, by revision; one without any metrics is absent, never zero.

        The times asked for never go back, and each is one that an earlier window began or ended with, or is the present.
        What comes late is in a later window of the same beginning. Raises MetricsError.
        """
