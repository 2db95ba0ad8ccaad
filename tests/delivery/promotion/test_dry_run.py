"""How traffic is looked at before a promotion: by what the platform remembers, else by waiting."""

from __future__ import annotations

import time

import pytest

from delivery.evidence import Window
from delivery.platforms import readings
from delivery.promotion import dry_run
from tests.delivery.promotion.judging.made import counts


class Clock:
    """A time that passes only when somebody sleeps."""

    def __init__(self) -> None:
        self.now_s = 1000.0
        self.slept_s = 0.0

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds
        self.slept_s += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(time, "time", lambda: made.now_s)
    monkeypatch.setattr(time, "sleep", made.sleep)
    return made


def test_a_platform_with_a_memory_is_not_waited_for(clock: Clock) -> None:
    asked: list[float] = []

    class Remembers:
        def read(self, since_s: float) -> Window:
            asked.append(since_s)
            return Window(since_s=since_s, counts={"b": counts(50, at_s=clock.now_s)})

    window = dry_run.looked_at(Remembers(), 10)

    assert (window.until_s - window.since_s, clock.slept_s, asked) == (10, 0, [990])


def test_counters_are_looked_at_twice(clock: Clock) -> None:
    """From the first reading on, as long as was wanted."""

    class Counters:
        known: tuple[readings.Reading, ...] = ()

        def read(self, since_s: float) -> Window:
            told = {"b": counts(round(5 * clock.now_s))}
            self.known = readings.added(self.known, told, clock.now_s)
            return readings.window(self.known, since_s)

    window = dry_run.looked_at(Counters(), 10)

    assert (window.until_s - window.since_s, clock.slept_s) == (10, 10)
    assert window.counts["b"].requests == 50
