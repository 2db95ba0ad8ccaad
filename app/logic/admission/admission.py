"""What a request must be granted before a backend is asked: reserved when it comes, settled when it is over, on every ending.

A limit is one file here and one line in ``Admission``; today there is the one on the memory that bodies take.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, ExitStack
from typing import Protocol

from app.logic.admission.body_bytes import BodyBytes
from app.logic.record import Record


class Limit(Protocol):
    def holding(self, record: Record) -> AbstractContextManager[None]:
        """Entering reserves what the request may take, by the name of its key or its size, or raises Failure with status 429.

        Leaving settles: the record then has what it took, in tokens and money too.
        """
        ...


class Admission:
    """Shared by all requests."""

    def __init__(self) -> None:
        self.bodies = BodyBytes()
        self._limits: tuple[Limit, ...] = (self.bodies,)

    def admit(self, record: Record, held: ExitStack) -> None:
        """Reserves in every limit, until ``held`` is closed. Raises Failure."""
        for limit in self._limits:
            held.enter_context(limit.holding(record))
