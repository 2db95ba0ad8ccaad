"""The app as its users run it, a process of its own, with its log read back; and an event loop beside a test that blocks."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

ROOT = Path(__file__).parents[2]
START_S = 60.0
KEY_ENV = "BACKEND_KEY"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class App:
    url: str
    pid: int
    log: Path

    def records(self) -> list[dict[str, Any]]:
        """The log's lines about requests that are over, in their order."""
        lines = [json.loads(line) for line in self.log.read_text().splitlines()]
        return [line for line in lines if "attempts" in line]

    def recorded(self, count: int, within_s: float = 10.0) -> list[dict[str, Any]]:
        """The records, once there are ``count`` of them: the log is written a moment after the answer."""
        return eventually(lambda: found if len(found := self.records()) >= count else None, within_s)

    def metric(self, name: str) -> dict[str, float]:
        """The samples whose line starts with ``name``, by that line's labels."""
        with urllib.request.urlopen(f"{self.url}/metrics", timeout=10) as response:
            lines = response.read().decode().splitlines()
        found = [line.rpartition(" ") for line in lines if line.startswith(name)]
        return {labels.removeprefix(name): float(value) for labels, _, value in found}

    def circuits(self) -> dict[str, int]:
        """The state of each backend's circuit: 0 closed, 1 half-open, 2 open."""
        samples = self.metric("trimaran_circuit_state")
        named = {re.search(r'backend="([^"]+)"', labels): int(value) for labels, value in samples.items()}
        return {found[1]: value for found, value in named.items() if found}

    def resident_mib(self) -> float:
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0]) / 1024


@contextmanager
def running(
    routes: str,
    environment: Mapping[str, str] | None = None,
    *,
    loads: bool = False,
    may_end: bool = False,
    python: str = sys.executable,
) -> Iterator[App]:
    """``python -m app.main`` with these routes on a free port, ready, or still loading its model; ended when left, or in order before
    where it ``may_end``. Raises AssertionError when it ended otherwise.
    """
    with tempfile.TemporaryDirectory() as folder:
        file, log = Path(folder, "routes.yaml"), Path(folder, "log")
        file.write_text(routes)
        given = {"TRIMARAN_ROUTES": str(file), "TRIMARAN_PORT": "0", "TRIMARAN_ENGINE": "none", KEY_ENV: "sk-test-1"}
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
        with log.open("wb") as out:
            process = subprocess.Popen(
                [python, "-m", "app.main"],
                cwd=ROOT,
                env={**kept, **given, **(environment or {})},
                stdout=out,
                stderr=subprocess.STDOUT,
            )
        try:
            port = eventually(lambda: _port(process, log), START_S)
            app = App(f"http://127.0.0.1:{port}", process.pid, log)
            if not loads:
                eventually(lambda: is_ready(app.url), START_S)
            yield app
            if process.poll() is not None and not (may_end and process.returncode == 0):
                raise AssertionError(f"the app ended with {process.returncode}: {log.read_text()[-2000:]}")
        finally:
            process.terminate()
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _port(process: subprocess.Popen[bytes], log: Path) -> int | None:
    said = log.read_text()
    if process.poll() is not None:
        raise AssertionError(f"the app ended with {process.returncode}: {said[-2000:]}")
    found = re.search(r"listening on 127\.0\.0\.1 port (\d+)", said)
    return int(found[1]) if found else None


def is_ready(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/health/ready", timeout=5):
            return True
    except OSError:
        return False


def eventually(find: Callable[[], T | None], within_s: float) -> T:
    """What ``find`` gives as soon as that is something. Raises AssertionError when it stays nothing."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if found := find():
            return found
        time.sleep(0.02)
    raise AssertionError(f"still nothing after {within_s:g} s")


class Loop:
    """An event loop in a thread, for the servers of a test that blocks."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T], within_s: float = 60.0) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(within_s)

    @contextmanager
    def held(self, manager: AbstractAsyncContextManager[T]) -> Iterator[T]:
        """``manager``, entered and left on this loop."""
        value = self.run(_awaited(manager.__aenter__()))
        try:
            yield value
        finally:
            self.run(_awaited(manager.__aexit__(None, None, None)))

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()


async def _awaited(given: Awaitable[T]) -> T:
    return await given


@contextmanager
def loop() -> Iterator[Loop]:
    made = Loop()
    try:
        yield made
    finally:
        made.close()


@asynccontextmanager
async def running_beside(routes: str, environment: Mapping[str, str] | None = None) -> AsyncIterator[App]:
    """``running`` for a test whose own loop serves the backends."""
    manager = running(routes, environment)
    app = await asyncio.to_thread(manager.__enter__)
    try:
        yield app
    finally:
        await asyncio.to_thread(manager.__exit__, None, None, None)
