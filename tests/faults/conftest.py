"""What is slow to make and made once: the outcome of every fault, a loop for servers beside tests that block, two engines."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from app.engines.embedded import EmbeddedEngine
from tests.faults import running
from tests.faults.cases import Result
from tests.faults.cases import results as all_results
from tests.faults.running import Loop

MODEL = "smollm2-135m-instruct"


@pytest.fixture(scope="session")
def results() -> dict[str, Result]:
    """What came of each case, by its name: run side by side, since most of their time is waiting."""
    return asyncio.run(all_results())


@pytest.fixture(scope="module")
def loop() -> Iterator[Loop]:
    with running.loop() as made:
        yield made


@pytest.fixture(scope="module")
def engines(loop: Loop) -> Iterator[tuple[EmbeddedEngine, EmbeddedEngine]]:
    """Two engines of the same model, loaded."""
    pair = EmbeddedEngine(MODEL), EmbeddedEngine(MODEL)
    try:
        for engine in pair:
            loop.run(_loaded(engine))
        yield pair
    finally:
        for engine in pair:
            loop.run(engine.aclose())


async def _loaded(engine: EmbeddedEngine) -> None:
    engine.start()
    async with asyncio.timeout(60):
        while engine.base_url is None:
            await asyncio.sleep(0.02)
