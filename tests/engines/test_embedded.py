"""The embedded engine's process: a real model, no orphan, a new one when it dies."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from app.engines.embedded import EmbeddedEngine
from tests.clock import PATIENCE_S

MODEL = "smollm2-135m-instruct"
PARENT = f"""
import asyncio
from app.engines.embedded import EmbeddedEngine

async def main():
    engine = EmbeddedEngine("{MODEL}")
    engine.start()
    while engine.base_url is None:
        await asyncio.sleep(0.02)
    print(engine.base_url, flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


@pytest.fixture
async def engine() -> AsyncIterator[EmbeddedEngine]:
    engine = EmbeddedEngine(MODEL)
    engine.start()
    await loaded(engine)
    yield engine
    await engine.aclose()


async def loaded(engine: EmbeddedEngine) -> str:
    async with asyncio.timeout(PATIENCE_S):
        while engine.base_url is None:
            await asyncio.sleep(0.02)
    return engine.base_url


def children() -> list[int]:
    """The engine processes that this process started."""
    listed = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    return [int(pid) for pid in listed if b"embedded_server" in Path(f"/proc/{pid}/cmdline").read_bytes()]


def environment(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/environ").read_text().split("\0")


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


async def test_its_threads_sleep_while_they_wait(engine: EmbeddedEngine) -> None:
    """Else they take the cores from whatever else runs on the machine, and a token takes a second."""
    assert engine.base_url is not None
    (pid,) = children()
    assert "OMP_WAIT_POLICY=PASSIVE" in environment(pid)


async def test_the_model_answers_only_with_the_key(engine: EmbeddedEngine) -> None:
    """The engine's port is open to every user of the machine, so it asks for the key that only the app has."""
    body = {"messages": [{"role": "user", "content": "Say hello."}], "max_tokens": 4}
    async with aiohttp.ClientSession() as http:
        url = f"{engine.base_url}/chat/completions"
        async with http.post(url, json=body) as refused:
            assert refused.status == 401
        async with http.post(url, json=body, headers=engine.headers) as answer:
            assert (await answer.json())["usage"]["completion_tokens"] > 0


async def test_a_dead_engine_is_started_again(engine: EmbeddedEngine) -> None:
    """After kill -9 the engine is not ready, and is again soon after, by a new process."""
    [pid] = children()
    os.kill(pid, signal.SIGKILL)
    async with asyncio.timeout(PATIENCE_S):
        while engine.base_url is not None:
            await asyncio.sleep(0.01)
    await loaded(engine)
    assert children() != [pid]


async def test_closing_ends_the_process() -> None:
    """A closed engine leaves no process."""
    engine = EmbeddedEngine(MODEL)
    engine.start()
    await loaded(engine)
    [pid] = children()
    await engine.aclose()
    assert not alive(pid)


def test_the_engine_dies_with_its_parent() -> None:
    """kill -9 of the app takes the engine with it."""
    parent = subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    try:
        assert parent.stdout.readline().startswith("http")
        [child] = map(int, Path(f"/proc/{parent.pid}/task/{parent.pid}/children").read_text().split())
    finally:
        parent.kill()
        parent.wait()
        parent.stdout.close()
    deadline = time.monotonic() + PATIENCE_S
    while alive(child) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not alive(child)
