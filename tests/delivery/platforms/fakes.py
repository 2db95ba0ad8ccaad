"""A platform whose switch and counters a test breaks: stateful stand-ins for `Traffic` and `Metrics`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from delivery.evidence import BAD_KINDS, LOG_MEASURES, Counts, Moments
from delivery.platforms.metrics import MetricsError
from delivery.platforms.traffic import Address, Split, TrafficError, confirm


class FakeTraffic:
    """A split in memory; it can become unreadable, and forget what is written."""

    def __init__(self) -> None:
        self.split = Split(blue=100, green=0)
        self.is_readable = True
        self.takes_writes = True

    def read(self) -> Split:
        """The split, unless it is unreadable."""
        if not self.is_readable:
            raise TrafficError("the platform does not answer")
        return self.split

    def set(self, split: Split) -> None:
        """Take a split, or only seem to."""
        if self.takes_writes:
            self.split = split
        confirm(self, split)

    def address(self, side: str) -> Address:
        """Two made-up addresses."""
        if side not in ("blue", "green"):
            raise TrafficError(f"there is no {side}")
        return Address(url=f"http://{side}.example", headers={"x-revision": side})


NOTHING = Counts(requests=0, attempts=0, bad=dict.fromkeys(BAD_KINDS, 0), logs=dict.fromkeys(LOG_MEASURES, Moments()))


class Counted:
    """What both sides have counted. What is added while `is_late` shows only once it no longer is."""

    def __init__(self) -> None:
        self.sides: dict[str, Counts] = {"blue": NOTHING, "green": NOTHING}
        self.is_late = False
        self._shown = dict(self.sides)
        self.lost: set[str] = set()

    def add(self, side: str, *, requests: int, cut: int = 0, first_token: Moments | None = None) -> None:
        """Requests that ended, one attempt each."""
        before = self.sides[side]
        self.sides[side] = replace(
            before,
            requests=before.requests + requests,
            attempts=before.attempts + requests,
            bad={**before.bad, "cut": before.bad["cut"] + cut},
            logs={**before.logs, "first_token": before.logs["first_token"] + (first_token or Moments())},
        )

    def restart(self, side: str) -> None:
        """The process is started anew and counts from 0."""
        self.sides[side] = NOTHING

    def lose(self, side: str) -> None:
        """Its metrics are gone."""
        self.lost.add(side)

    def shown(self) -> Mapping[str, Counts]:
        """What the platform tells at this moment."""
        if not self.is_late:
            self._shown = dict(self.sides)
        return {side: counts for side, counts in self._shown.items() if side not in self.lost}


class FakeMetrics:
    """Tells what was counted; without any side it is an error."""

    def __init__(self, counted: Counted) -> None:
        self._counted = counted

    def read(self) -> Mapping[str, Counts]:
        """What the platform tells."""
        found = self._counted.shown()
        if not found:
            raise MetricsError("the platform has no metrics")
        return found
