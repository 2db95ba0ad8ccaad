"""A platform whose parts a test breaks: stateful stand-ins for traffic, metrics and a bucket with conditional writes.

They are of another kind than this machine's: a switch with two positions, metrics that are events with a time, objects with
a generation. So the contracts are seen to fit a cloud.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from delivery.evidence import BAD_KINDS, LOG_MEASURES, Counts, Moments, Window
from delivery.platforms.metrics import MetricsError
from delivery.platforms.records import AlreadyRunning, Hold, TakenOver
from delivery.platforms.traffic import Split, TrafficError, confirm

REVISIONS = {"blue": "revision-of-blue", "green": "revision-of-green"}


class FakeTraffic:
    """A split in memory; it can become unreadable, and forget what is written."""

    def __init__(self) -> None:
        self.split = Split(blue=100, green=0)
        self.is_readable = True
        self.takes_writes = True

    def ladder(self, wanted: Sequence[int]) -> tuple[int, ...]:
        """Any."""
        return tuple(wanted)

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


class TwoPositions(FakeTraffic):
    """A canary as clouds have it: a percentage that was chosen with the deploy, and then everything."""

    PERCENT = 10

    def ladder(self, wanted: Sequence[int]) -> tuple[int, ...]:
        """Its percentage on the way to everything, where any step below that is wanted."""
        return (self.PERCENT, 100) if wanted[0] < 100 else (100,)

    def set(self, split: Split) -> None:
        """Nothing between."""
        if split.green not in (0, self.PERCENT, 100):
            raise TrafficError(f"{split.green} % cannot be set")
        super().set(split)


NOTHING = Counts(requests=0, attempts=0, bad=dict.fromkeys(BAD_KINDS, 0), logs=dict.fromkeys(LOG_MEASURES, Moments()))


class Counted:
    """What both sides count: as counters of a process, and as events. What is added while `is_late` shows only later."""

    def __init__(self) -> None:
        self.sides: dict[str, Counts] = {"blue": NOTHING, "green": NOTHING}
        self.events: list[tuple[float, str, Counts]] = []
        self.restarts: list[tuple[float, str]] = []
        self.lost: set[str] = set()
        self._is_late = False
        self._shown = dict(self.sides)
        self._last_s = 0.0

    def tick(self) -> float:
        """The time, never twice the same."""
        self._last_s = max(time.time(), self._last_s + 1e-5)
        return self._last_s

    @property
    def is_late(self) -> bool:
        """Whether what happens now is known only later."""
        return self._is_late

    @is_late.setter
    def is_late(self, value: bool) -> None:
        self._shown, self._is_late = dict(self.sides), value

    def add(self, side: str, *, requests: int, cut: int = 0, first_token: Moments | None = None) -> None:
        """Requests that ended, one attempt each."""
        event = replace(
            NOTHING,
            requests=requests,
            attempts=requests,
            bad={**NOTHING.bad, "cut": cut},
            logs={**NOTHING.logs, "first_token": first_token or Moments()},
        )
        self.sides[side] += event
        self.events.append((self.tick(), side, event))

    def restart(self, side: str) -> None:
        """The process is started anew and counts from 0."""
        self.sides[side] = NOTHING
        self.restarts.append((self.tick(), side))

    def lose(self, side: str) -> None:
        """Its metrics are gone."""
        self.lost.add(side)

    def shown(self) -> dict[str, Counts]:
        """The counters that the processes tell at this moment."""
        shown = self._shown if self.is_late else self.sides
        return {side: counts for side, counts in shown.items() if side not in self.lost}


class FakeMetrics:
    """A cloud's metrics: events with a time, of any beginning; without any side it is an error."""

    def __init__(self, counted: Counted) -> None:
        self._counted = counted
        self._late_since = len(counted.events)

    def read(self, since_s: float) -> Window:
        """The sums of what happened since."""
        counted, until_s = self._counted, self._counted.tick()
        sides = [side for side in counted.sides if side not in counted.lost]
        if not sides:
            raise MetricsError("the platform has no metrics")
        if not counted.is_late:
            self._late_since = len(counted.events)
        known = counted.events[: self._late_since]
        sums = {
            REVISIONS[side]: replace(
                sum((event for at_s, whose, event in known if whose == side and at_s > since_s), NOTHING), at_s=until_s
            )
            for side in sides
        }
        restarts = {REVISIONS[side]: "it was started anew" for at_s, side in counted.restarts if at_s > since_s}
        return Window(since_s=since_s, counts=sums, restarts=restarts)


class Changed(Exception):
    """An object is not of the generation on which a write was conditional."""


@dataclass(slots=True)
class Bucket:
    """Objects with a generation; a write says which one it replaces, 0 where there must be none.

    `before_record` runs before the next write of the record: a writer may sleep there.
    """

    before_record: Callable[[], None] | None = None
    objects: dict[str, tuple[int, str]] = field(default_factory=dict)
    writes: int = 0

    def get(self, name: str) -> tuple[int, str]:
        """Generation and content; 0 and nothing where there is no such object."""
        return self.objects.get(name, (0, ""))

    def put(self, name: str, content: str, *, replaces: int) -> int:
        """The new generation. Raises Changed."""
        if name == "record" and (sleep := self.before_record):
            self.before_record = None
            sleep()
        if self.get(name)[0] != replaces:
            raise Changed(name)
        self.writes += 1
        self.objects[name] = self.writes, content
        return self.writes

    def delete(self, name: str, *, replaces: int) -> None:
        """Raises Changed."""
        if self.get(name)[0] != replaces:
            raise Changed(name)
        self.objects.pop(name, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class BucketRecords:
    """The record as an object, with a lease as another: who has not written for `LEASE_S` seconds has lost it."""

    LEASE_S = 60.0

    bucket: Bucket
    stack: str
    clock: Callable[[], float]

    @property
    def place(self) -> str:
        return f"bucket://{self.stack}.json"

    def load(self) -> str | None:
        generation, content = self.bucket.get("record")
        return content if generation else None

    def is_held(self) -> bool:
        generation, content = self.bucket.get("lease")
        return bool(generation) and float(json.loads(content)["until_s"]) > self.clock()

    @contextmanager
    def hold(self) -> Iterator[Hold]:
        if self.is_held():
            raise AlreadyRunning(self.stack)
        try:
            hold = BucketHold(self)
        except Changed:  # another one was quicker
            raise AlreadyRunning(self.stack) from None
        try:
            yield hold
        finally:
            hold.let_go()


class BucketHold:
    """A lease of a generation; the record's own generation fences whoever slept through its end."""

    def __init__(self, records: BucketRecords) -> None:
        self._records = records
        self._lease = self._renewed(records.bucket.get("lease")[0])
        self._record = records.bucket.get("record")[0]

    def save(self, text: str) -> None:
        try:
            self._lease = self._renewed(self._lease)
            self._record = self._records.bucket.put("record", text, replaces=self._record)
        except Changed:
            raise TakenOver(self._records.stack) from None

    def set_aside(self) -> str:
        bucket, name = self._records.bucket, f"record.unreadable-{self._records.clock()}"
        try:
            self._lease = self._renewed(self._lease)
            bucket.put(name, bucket.get("record")[1], replaces=0)
            bucket.delete("record", replaces=self._record)
        except Changed:
            raise TakenOver(self._records.stack) from None
        self._record = 0
        return name

    def let_go(self) -> None:
        """Where it is still ours."""
        if self._records.bucket.get("lease")[0] == self._lease:
            self._records.bucket.delete("lease", replaces=self._lease)
        self._lease = -1

    def _renewed(self, lease: int) -> int:
        until_s = self._records.clock() + self._records.LEASE_S
        return self._records.bucket.put("lease", json.dumps({"until_s": until_s}), replaces=lease)
