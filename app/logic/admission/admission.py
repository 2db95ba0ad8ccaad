"""What a request must be granted before a backend is asked: reserved when it comes, settled when it is over, on every ending.

A limit is one file here and one line in ``Admission``; today there is the one on the bytes that requests hold.
"""

from __future__ import annotations

from app.logic.admission.body_bytes import BodyBytes


class Admission:
    """Shared by all requests."""

    def __init__(self) -> None:
        self.bodies = BodyBytes()
