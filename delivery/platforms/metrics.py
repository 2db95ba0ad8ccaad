"""Where the counters of both sides are read, as promotion sees it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from delivery.evidence import Counts


class MetricsError(Exception):
    """The counters cannot be read: the step could not be measured, and green gets no more. May end in a hint line."""


class Metrics(Protocol):
    """A platform's counters."""

    def read(self) -> Mapping[str, Counts]:
        """Counters since the apps began, by side; a side without any is absent. Raises MetricsError."""
