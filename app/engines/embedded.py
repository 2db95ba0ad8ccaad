"""Starts the embedded model server in a process of its own, waits until its model is loaded, and starts it again when it dies."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import secrets
import sys
from collections.abc import Mapping

log = logging.getLogger(__name__)

RESTART_AFTER_S = (0.1, 1.0, 5.0, 30.0)  # the wait before each start in a row that failed; the last one goes on
STEADY_S = 60.0  # having run this long, a server that ends has not failed to start
STOP_S = 5.0


class EmbeddedEngine:
    """One embedded model server. ``base_url`` is None while the model is not loaded."""

    def __init__(self, model: str) -> None:
        self.model = model
        self.base_url: str | None = None
        self._key = secrets.token_urlsafe(24)
        self._task: asyncio.Task[None] | None = None

    @property
    def headers(self) -> Mapping[str, str]:
        """What the server asks of its callers: other users of this machine reach its port too."""
        return {"authorization": f"Bearer {self._key}"}

    def start(self) -> None:
        """Starts the server and watches it, until ``aclose``. Call from the event loop of the process's first thread."""
        self._task = asyncio.get_running_loop().create_task(self._keep_running(), name=f"engine {self.model}")

    async def aclose(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _keep_running(self) -> None:
        failures = 0
        loop = asyncio.get_running_loop()
        while True:
            started = loop.time()
            status = await self._run_once()
            failures = 0 if loop.time() - started > STEADY_S else failures + 1
            wait_s = RESTART_AFTER_S[min(failures, len(RESTART_AFTER_S)) - 1] if failures else 0.0
            log.error("engine %s ended with status %s; it starts again in %g s", self.model, status, wait_s)
            await asyncio.sleep(wait_s)

    async def _run_once(self) -> int:
        """Runs one server process to its end and gives its exit status; a negative one is the signal that ended it."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "app.engines.embedded_server", "--model", self.model, "--parent", str(os.getpid())),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env=_environment(),
        )
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(f"{self._key}\n".encode())
            report = await process.stdout.readline()
            if report:
                self.base_url = json.loads(report)["address"] + "/v1"
                log.info("engine %s is ready at %s", self.model, self.base_url)
            return await process.wait()
        finally:
            self.base_url = None
            await _stop(process)


async def _stop(process: asyncio.subprocess.Process) -> None:
    """Closing its standard input ends the server; it is killed if that takes longer than STOP_S."""
    if process.returncode is not None:
        return
    assert process.stdin is not None
    process.stdin.close()
    try:
        async with asyncio.timeout(STOP_S):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


def _environment() -> dict[str, str]:
    """The app's own environment holds keys that a model server has no use for."""
    return {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "PYTHONPATH", "TMPDIR") if name in os.environ}
