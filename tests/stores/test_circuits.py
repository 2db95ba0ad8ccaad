"""Circuits shared through a real Redis: told, taken over, and done without when Redis is killed."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from redis.asyncio import Redis

from app.logic.backend_state import Breaker
from app.logic.circuit import FAILURES_TO_OPEN, OPEN_MAX_S, OPEN_S, Circuit, State
from app.stores.circuits import SharedCircuits, shared_name
from providers.machine.ports import free_port

EVERY_S = 0.02


class RedisServer:
    """A Redis of our own on a free port."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        server = shutil.which("redis-server")
        assert server is not None, "redis-server is not installed: ./trimaran test installs it"
        options = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir", str(self.directory)]
        self.process = subprocess.Popen([server, *options], stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
                return
            time.sleep(0.02)
        raise AssertionError("redis-server did not start")

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path)
    server.start()
    yield server
    server.kill()


def broken(open_s: float = OPEN_S) -> Breaker:
    breaker = Breaker()
    breaker.turn(Circuit(failures=FAILURES_TO_OPEN, opened=1, open_until=time.monotonic() + open_s))
    return breaker


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.01)


@contextlib.asynccontextmanager
async def replica(url: str, breaker: Breaker) -> AsyncIterator[None]:
    task = asyncio.create_task(SharedCircuits(url, {"a|model": breaker}, every_s=EVERY_S).run())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def is_open(breaker: Breaker) -> bool:
    return breaker.circuit.state(time.monotonic()) is State.OPEN


async def test_one_replica_spares_the_others(redis: RedisServer) -> None:
    """A circuit that opens here is open there too, for as long as it has left."""
    here, there = broken(), Breaker()
    async with replica(redis.url, here), replica(redis.url, there):
        await until(lambda: is_open(there))
    left_s = there.circuit.open_until - time.monotonic()
    assert 0 < left_s <= OPEN_S


async def test_what_was_taken_over_is_not_told_on(redis: RedisServer) -> None:
    """Otherwise two replicas would keep a circuit open for each other for ever."""
    here, there = broken(), Breaker()
    here.turn(
        Circuit(failures=3, opened=1, open_until=time.monotonic() + 2)
    )  # long enough to be seen on a busy machine
    async with replica(redis.url, here), replica(redis.url, there):
        await until(lambda: is_open(there))
        await until(lambda: not is_open(there))
        await asyncio.sleep(5 * EVERY_S)
        assert not is_open(there)


async def test_a_killed_redis_costs_nothing(redis: RedisServer, caplog: pytest.LogCaptureFixture) -> None:
    """With Redis gone each replica goes by its own circuits and says so once; when it is back, they share again."""
    here, there = Breaker(), Breaker()
    async with replica(redis.url, here), replica(redis.url, there):
        await asyncio.sleep(3 * EVERY_S)
        redis.kill()
        await until(lambda: "Redis is lost" in caplog.text)
        here.turn(broken(OPEN_MAX_S).circuit)  # long enough for Redis to come back in
        await asyncio.sleep(5 * EVERY_S)
        assert (is_open(here), is_open(there)) == (True, False)
        redis.start()
        await until(lambda: is_open(there))
    assert caplog.text.count("Redis is lost") == 2


async def test_a_time_that_somebody_wrote_is_capped(redis: RedisServer) -> None:
    """An entry that stays for centuries, by a mistake or by malice, opens a circuit for no longer than this app itself would."""
    breaker = Breaker()
    client = Redis.from_url(redis.url)
    await client.set(shared_name("a|model"), 1, px=9_000_000_000_000_000)
    await client.aclose()
    async with replica(redis.url, breaker):
        await until(lambda: is_open(breaker))
    assert breaker.circuit.open_until - time.monotonic() <= OPEN_MAX_S


async def test_an_answer_that_is_no_number_ends_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """What is no Redis, or a broken one, is a lost Redis: the task goes on asking."""
    replies = [b"+OK\r\n", b"$3\r\nfoo\r\n", b":abc\r\n", b"HTTP/1.1 400\r\n\r\n"]
    asked = 0

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        while await reader.read(65536):
            asked += 1
            writer.write(replies[asked % len(replies)])
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    breaker = Breaker()
    task = asyncio.create_task(SharedCircuits(f"redis://127.0.0.1:{port}/0", {"a": breaker}, every_s=EVERY_S).run())
    await until(lambda: asked > 5 * len(replies))
    assert not task.done()
    assert not is_open(breaker)
    assert caplog.text.count("Redis is lost") >= 1
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    server.close()


async def test_a_circuit_that_has_recovered_stays_closed(redis: RedisServer) -> None:
    """A probe may find the backend well before the entry in Redis ends: what was told is taken back, and not heeded."""
    here, there = broken(), Breaker()
    async with replica(redis.url, here), replica(redis.url, there):
        await until(lambda: is_open(there))
        here.turn(Circuit())
        there.turn(Circuit())
        await asyncio.sleep(10 * EVERY_S)
        assert not is_open(here)
        await until(lambda: not is_open(there))
    async with replica(redis.url, newcomer := Breaker()):
        await asyncio.sleep(5 * EVERY_S)
        assert not is_open(newcomer)
