"""Memory goes back to the system when a crowd has left, and is not looked for all the time."""

from __future__ import annotations

import ctypes

import pytest

from app import memory
from app.memory import CROWD, Ebb


@pytest.mark.parametrize(
    ("seen", "trimmed"),
    [
        ([0, 10, 0, 10, 0], 0),
        ([CROWD, CROWD, CROWD - 1, CROWD // 2 + 1], 0),
        ([CROWD, CROWD // 2], 1),
        ([1000, 500, 499, 300, 250, 0, 0, 0], 3),
        ([1000, 0, 1000, 0], 2),
    ],
    ids=["few", "stays", "half left", "slowly", "again"],
)
async def test_what_a_crowd_left_is_given_back(seen: list[int], trimmed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once for each half that has gone."""
    times: list[None] = []
    monkeypatch.setattr(memory, "_trim", lambda: times.append(None))
    at = iter(range(0, 10_000, 100))
    ebb = Ebb(clock=lambda: next(at))
    for callers in seen:
        await ebb.at(callers)
    assert len(times) == trimmed


async def test_a_load_that_swings_is_not_held_up_each_second(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is looked through once in a while, and what was put off is not forgotten."""
    times: list[float] = []
    now = 0.0
    ebb = Ebb(clock=lambda: now)
    monkeypatch.setattr(memory, "_trim", lambda: times.append(now))
    for second in range(12):
        now = float(second)
        await ebb.at(CROWD if second % 2 else 0)
    assert times == [2.0, 8.0]


def test_the_c_library_is_asked() -> None:
    """By its own name; where it has none, nothing is called."""
    memory._trim()
    assert memory.trim_of(object()) is None
    assert memory.trim_of(ctypes.CDLL(None)) is not None
