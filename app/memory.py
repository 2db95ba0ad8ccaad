"""Gives the system back the memory that a crowd of callers has left: Python frees it, and the C library keeps it for a next crowd that may never come."""

from __future__ import annotations

import asyncio
import ctypes
import gc

CROWD = 32  # callers at once, below which it is not worth while


def _trim() -> None:
    """glibc's own; elsewhere there is nothing to call."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


class Ebb:
    """Is told once a second how many callers there are."""

    def __init__(self) -> None:
        self._high = 0

    async def at(self, callers: int) -> None:
        """When more than half of a crowd has gone, frees what it left. In a thread: for a GiB it takes a tenth of a second."""
        self._high = max(self._high, callers)
        if self._high >= CROWD and callers <= self._high // 2:
            self._high = callers
            gc.collect()
            await asyncio.to_thread(_trim)
