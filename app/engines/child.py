"""A model server that the app starts in a process of its own: it does not outlive the app, and is started again when it dies.

The process is a Python module of ours. It reads the server's key from standard input, writes JSON lines to standard output
(``{"waits_for": …}`` while it loads, ``{"address": …}`` once it answers, ``{"why": …}`` and ``{"status": …}`` at its end where its own would
not say it), and ends when standard input closes. What it and its children write to standard error goes into the app's log.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import json
import logging
import os
import re
import secrets
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

log = logging.getLogger(__name__)

RESTART_AFTER_S = (0.1, 1.0, 5.0, 30.0)  # the wait before each start in a row that failed; the last one goes on
STEADY_S = 60.0  # having run this long, a server that ends has not failed to start
STOP_S = 6.0
MAX_LINE = 2_000
_PR_SET_PDEATHSIG = 1  # linux/prctl.h


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """The module to run. ``environment`` is asked at each start: the app's own holds keys that a model server has no use for.

    ``explain`` says of a line that the server writes why it will end, in the user's words; "" of any other.
    """

    module: str
    arguments: Sequence[str]
    environment: Callable[[], Mapping[str, str]]
    explain: Callable[[str], str] = lambda line: ""


class ModelServer:
    """One model server. ``base_url`` is None while it does not answer; ``waits_for`` then says what is under way."""

    def __init__(self, model: str, program: Program) -> None:
        self.model = model
        self.base_url: str | None = None
        self.waits_for = "its start"
        self._program = program
        self._why = ""
        self.key = secrets.token_urlsafe(24)
        self._task: asyncio.Task[None] | None = None

    @property
    def headers(self) -> Mapping[str, str]:
        """What the server asks of its callers: other users of this machine reach its port too."""
        return {"authorization": f"Bearer {self.key}"}

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
            why = f": {self._why}" if self._why else ""
            self.waits_for = f"its next start: it ended with status {status}{why}"
            log.error("engine %s ended with status %s%s; it starts again in %g s", self.model, status, why, wait_s)
            await asyncio.sleep(wait_s)

    async def _run_once(self) -> int:
        """Runs one server process to its end and gives its exit status; a negative one is the signal that ended it."""
        program = self._program
        self._why = ""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", program.module, "--parent", str(os.getpid()), *program.arguments),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=program.environment(),
            start_new_session=True,  # a group of its own: Ctrl-C is the app's, and the end takes the server's children along
        )
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        logging_lines = asyncio.create_task(_read_lines(process.stderr, self._wrote))
        try:
            process.stdin.write(f"{self.key}\n".encode())
            told: dict[str, Any] = {}
            while line := await process.stdout.readline():
                told = json.loads(line)
                self._told(told)
            status = await process.wait()
            return int(told.get("status", status))
        finally:
            self.base_url = None
            await _stop(process)
            await logging_lines

    def _told(self, report: Mapping[str, Any]) -> None:
        match report:
            case {"address": str(address)}:
                self.base_url, self._why = address + "/v1", ""
                log.info("engine %s is ready at %s", self.model, self.base_url)
            case {"waits_for": str(what)}:
                self.waits_for = what
                log.info("engine %s waits for %s", self.model, what)
            case {"why": str(why)}:
                self._why = why

    def _wrote(self, line: bytes) -> None:
        """Logs a line of the server's, and keeps the first that explains its end: what follows is about what follows from that."""
        if text := line[:MAX_LINE].decode(errors="replace").strip():
            log.info("%s", text, extra={"fields": {"engine": self.model}})
            self._why = self._why or self._program.explain(text)


async def _stop(process: asyncio.subprocess.Process) -> None:
    """Closing its standard input ends the server; what is left of its group after STOP_S, or when it is gone, is killed."""
    assert process.stdin is not None
    process.stdin.close()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(STOP_S):
            await process.wait()
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()


async def _read_lines(stream: asyncio.StreamReader, wrote: Callable[[bytes], None]) -> None:
    """Hands on what comes, until its end. Progress bars end their lines with a carriage return."""
    rest = b""
    while chunk := await stream.read(1 << 16):
        *lines, rest = re.split(rb"[\r\n]+", rest + chunk)
        if len(rest) > MAX_LINE:
            lines, rest = [*lines, rest], b""
        for line in lines:
            wrote(line)
    wrote(rest)


def die_with_parent(parent_pid: int) -> None:
    """Has the kernel kill this process when its parent ends, however that ends. ``parent_pid`` closes the gap before the call."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    end_without_parent(parent_pid)


def end_without_parent(parent_pid: int) -> None:
    """Exits where the parent ended before this process looked."""
    if os.getppid() != parent_pid:
        sys.exit("the app that started this engine is gone")
