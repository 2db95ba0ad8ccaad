"""JSON log lines on standard output, written by a thread of their own: a reader that stalls must not stall an answer."""

from __future__ import annotations

import contextlib
import functools
import logging
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec

WAITING_LINES = 10_000  # beyond it lines are dropped and counted
GATHER_S = 0.05  # for this long lines gather to be written at once: one wake-up for each took 15 µs of every answer


class JsonFormatter(logging.Formatter):
    """One object a line: time, level, logger, message, and what `extra={"fields": {…}}` adds."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": f"{_second(int(record.created))}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return msgspec.json.encode(line).decode()


@functools.lru_cache(maxsize=1)
def _second(at: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at))


class Waiting(logging.Handler):
    """Keeps lines until they are taken; when too many wait they are dropped, and the next that fits says how many were.

    A line is made at once, where it is logged: the writing thread would take the interpreter from the answers to do it.
    """

    def __init__(self, limit: int = WAITING_LINES) -> None:
        super().__init__()
        self.setFormatter(JsonFormatter())
        self._limit = limit
        self._lines: deque[str] = deque()
        self._dropped = 0
        self.some = threading.Event()

    def createLock(self) -> None:
        """None: lines are put in and taken out without one."""
        self.lock = None

    def emit(self, record: logging.LogRecord) -> None:
        if len(self._lines) >= self._limit:
            self._dropped += 1
            return
        if self._dropped:
            record.fields = {**getattr(record, "fields", {}), "dropped_before": self._dropped}
            self._dropped = 0
        self._lines.append(self.format(record) + "\n")
        if not self.some.is_set():
            self.some.set()

    def handle(self, record: logging.LogRecord) -> bool:
        """A line that cannot be made must not end an answer: it is told on standard error, as by logging's own handlers."""
        try:
            return bool(super().handle(record))
        except Exception:  # noqa: BLE001
            self.handleError(record)
            return False

    def take(self) -> list[str]:
        """The lines that wait; called by one thread alone."""
        self.some.clear()
        return [self._lines.popleft() for _ in range(len(self._lines))]


def _write(waiting: Waiting, stopping: threading.Event) -> None:
    """Writes what waits, every 50 ms at most, until told to stop; then the rest."""
    over = False
    while not over:
        waiting.some.wait()
        over = stopping.wait(GATHER_S)
        with contextlib.suppress(OSError):  # nobody reads any more
            sys.stdout.writelines(waiting.take())
            sys.stdout.flush()


@contextmanager
def to_stdout(level: int = logging.INFO) -> Iterator[None]:
    """While open, the root logger writes to standard output. What waits is written before it closes."""
    # What no line has need not be looked up: 3 of the 5 µs that a call of the log costs (the logging how-to, "Optimization").
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging._srcfile = None
    waiting, stopping = Waiting(), threading.Event()
    writing = threading.Thread(target=_write, args=(waiting, stopping), name="log", daemon=True)
    root = logging.getLogger()
    root.addHandler(waiting)
    root.setLevel(level)
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    writing.start()
    try:
        yield
    finally:
        root.removeHandler(waiting)
        stopping.set()
        waiting.some.set()
        writing.join()
