"""Memory goes back to the system when a crowd has left, and is not looked for all the time."""

from __future__ import annotations

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
    ebb = Ebb()
    for callers in seen:
        await ebb.at(callers)
    assert len(times) == trimmed


async def test_the_system_gets_it_back() -> None:
    """The C library's own call is there, or is left out, without a word."""
    memory._trim()
