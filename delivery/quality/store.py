"""Answers that were given, kept through kills: an evaluation that is begun again asks only for what it has not got."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import time
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

from delivery.failure import ExitCode, Failure

PATH = Path(".trimaran/quality/answers.sqlite")
FRESH_S = 24 * 3600.0  # an alias can move to another model under the same name, so that an old answer is no evidence
_TABLE = "CREATE TABLE IF NOT EXISTS answers (key TEXT PRIMARY KEY, kept_at REAL NOT NULL, value TEXT NOT NULL)"


class Store:
    """One SQLite file; several processes may use it at once. Use it as a context, or close it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._database = sqlite3.connect(path, timeout=30, isolation_level=None)
            self._database.execute("PRAGMA journal_mode=WAL")
            self._database.execute("PRAGMA synchronous=NORMAL")
            self._database.execute(_TABLE)
            self._database.execute("DELETE FROM answers WHERE kept_at < ?", (time.time() - FRESH_S,))
        except (OSError, sqlite3.Error) as error:
            raise Failure(f"the answers' file {path} cannot be used: {error}.", f"rm {path}", ExitCode.FAILED) from None

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self._database.close()

    def get(self, key: str) -> Any:
        """What was kept under a key in the last day, or None."""
        query = "SELECT value FROM answers WHERE key = ? AND kept_at >= ?"
        with closing(self._database.execute(query, (key, time.time() - FRESH_S))) as found:
            row = found.fetchone()
        return None if row is None else json.loads(row[0])

    def put(self, key: str, value: Any) -> None:
        """Keep a value; it is on the disk of this machine when this returns, whatever becomes of the process."""
        row = (key, time.time(), json.dumps(value))
        self._database.execute("INSERT OR REPLACE INTO answers VALUES (?, ?, ?)", row)

    def forget(self, keys: Iterable[str]) -> None:
        self._database.executemany("DELETE FROM answers WHERE key = ?", [(key,) for key in keys])


def key_of(**parts: object) -> str:
    """A key over everything that an answer depends on."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
