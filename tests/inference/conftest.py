"""The embedded engine, started once: half a second and 200 MB, so the tests share it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest

from app.engines.embedded import EmbeddedEngine
from tests.clock import PATIENCE_S

MODEL = "smollm2-135m-instruct"


async def _loaded(engine: EmbeddedEngine) -> None:
    engine.start()
    async with asyncio.timeout(PATIENCE_S):
        while engine.base_url is None:
            await asyncio.sleep(0.02)


@pytest.fixture(scope="session")
def engine() -> Iterator[EmbeddedEngine]:
    """A loaded engine, watched by an event loop of its own: each test has another one."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    engine = EmbeddedEngine(MODEL)
    asyncio.run_coroutine_threadsafe(_loaded(engine), loop).result(PATIENCE_S)
    yield engine
    asyncio.run_coroutine_threadsafe(engine.aclose(), loop).result(10)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(10)
    loop.close()
