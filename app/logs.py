"""JSON log lines on standard output, written by a thread of their own: a reader that stalls must not stall an answer."""

from __future__ import annotations

import logging
import logging.handlers
import queue
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec

QUEUE_LINES = 10_000  # beyond it lines are dropped and counted


class JsonFormatter(logging.Formatter):
    """One object a line: time, level, logger, message, and what `extra={"fields": {…}}` adds."""

    def format(self, record: logging.LogRecord) -> str:
        moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        line: dict[str, Any] = {
            "time": f"{moment}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return msgspec.json.encode(line).decode()


class DroppingHandler(logging.handlers.QueueHandler):
    """Puts a line into a bounded queue; when that is full the line is dropped, and the next that fits says how many were."""

    dropped = 0

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        return record  # stays in this process: the writing thread formats it

    def enqueue(self, record: logging.LogRecord) -> None:
        try:
            if self.dropped:
                record.fields = {**getattr(record, "fields", {}), "dropped_before": self.dropped}
            self.queue.put_nowait(record)
            self.dropped = 0
        except queue.Full:
            self.dropped += 1


@contextmanager
def to_stdout(level: int = logging.INFO) -> Iterator[None]:
    """While open, the root logger writes to standard output. What was queued is written before it closes."""
    lines: queue.Queue[logging.LogRecord] = queue.Queue(QUEUE_LINES)
    stream = logging.StreamHandler(sys.stdout)
    stream.setFormatter(JsonFormatter())
    listener = logging.handlers.QueueListener(lines, stream)
    handler = DroppingHandler(lines)
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(level)
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    listener.start()
    try:
        yield
    finally:
        listener.stop()
        root.removeHandler(handler)
