"""The app as a process of its own, started as a person would: for signals, start-up and what it writes."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.clock import PATIENCE_S

ROOT = Path(__file__).parents[2]


class Process:
    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.log: list[dict[str, Any]] = []
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        return self._process.returncode

    def send_signal(self, number: int) -> None:
        self._process.send_signal(number)

    async def wait(self) -> int:
        async with asyncio.timeout(PATIENCE_S):
            while await self._line():
                pass
            return await self._process.wait()

    async def logged(self, message: str) -> dict[str, Any]:
        """The next line whose message starts so."""
        async with asyncio.timeout(PATIENCE_S):
            while await self._line():
                if self.log[-1]["message"].startswith(message):
                    return self.log[-1]
        raise AssertionError(f"the app ended without saying '{message}': {self.log}")

    async def _line(self) -> bool:
        assert self._process.stdout is not None
        raw = await self._process.stdout.readline()
        if raw:
            self.log.append(json.loads(raw))
        return bool(raw)


def start(environment: Mapping[str, str]) -> Any:
    """Starts `python -m app.main` with nothing of the test's own environment but what Python needs."""
    return asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "app.main"),
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "TRIMARAN_ENGINE": "none", **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


@asynccontextmanager
async def running_app(routes: str, environment: Mapping[str, str] | None = None) -> AsyncIterator[Process]:
    """The app on a free port, listening."""
    given = {"TRIMARAN_PORT": "0", "TRIMARAN_ROUTES_YAML": routes, **(environment or {})}
    started = await start(given)
    process = Process(started)
    try:
        listening = await process.logged("listening")
        process.port = int(listening["message"].rpartition(" ")[2])
        yield process
    finally:
        if started.returncode is None:
            started.kill()
        await started.communicate()


async def refused(environment: Mapping[str, str]) -> str:
    """What an app that does not start says on standard error."""
    started = await start(environment)
    try:
        async with asyncio.timeout(PATIENCE_S):
            _, said = await started.communicate()
    finally:
        if started.returncode is None:
            started.kill()
    assert started.returncode == 1
    return str(said.decode())
