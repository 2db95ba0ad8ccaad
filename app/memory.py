"""Gives the system back the memory that a crowd of callers has left: Python frees it, and the C library keeps it for a next crowd that may never come."""

from __future__ import annotations

import asyncio
import ctypes
import gc
import math
import time
from collections.abc import Callable

CROWD = 32  # callers at once, below which it is not worth while
AT_MOST_EVERY_S = 5.0


def trim_of(library: object) -> Callable[[int], object] | None:
    """glibc's own; elsewhere there is nothing to call."""
    return getattr(library, "malloc_trim", None)


def _trim() -> None:
    if (trim := trim_of(ctypes.CDLL(None))) is not None:
        trim(0)


class Ebb:
    """Is told once a second how many callers there are."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._high = 0
        self._trimmed_at = -math.inf

    async def at(self, callers: int) -> None:
        """When more than half of a crowd has gone, frees what it left.

        Looking for cycles holds everybody for as long as there is to look through (0.2 s for a million objects, 2026-11-30), so it is done
        once in a while at most; giving back to the system, a tenth of a second for a GiB, is done in a thread.
        """
        self._high = max(self._high, callers)
        now = self._clock()
        if self._high >= CROWD and callers <= self._high // 2 and now >= self._trimmed_at + AT_MOST_EVERY_S:
            self._high, self._trimmed_at = callers, now
            gc.collect()
            await asyncio.to_thread(_trim)
