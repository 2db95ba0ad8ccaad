"""Tests of the logic wait without taking time: their backends are in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

import pytest

from tests.clock import TimelessLoop

WITH_A_REAL_SERVER = "test_estimate"


def pytest_asyncio_loop_factories(item: pytest.Item) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    real = item.path.stem == WITH_A_REAL_SERVER
    return {"real": asyncio.new_event_loop} if real else {"timeless": TimelessLoop}
