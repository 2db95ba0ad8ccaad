"""Whether both sides worked equally hard: times of a version that idles say nothing about the same version under load."""

from __future__ import annotations

from enum import StrEnum

from delivery.evidence import Counts, StepWindow


class Load(StrEnum):
    """Green's load per replica beside blue's."""

    EQUAL = "equal"
    LIGHTER = "lighter"
    HEAVIER = "heavier"


def load(window: StepWindow, factor: float) -> Load:
    """Compare requests and requests at a time, per replica.

    Both must differ, in the same direction: a slow version has more running at the same number of requests, and that is
    its own fault. Below one request at a time on either side nothing waits for anything.
    """
    if window.blue is None or max(at_a_time(window.blue), at_a_time(window.green)) <= 1:
        return Load.EQUAL
    busier = at_a_time(window.green), at_a_time(window.blue)
    asked = _asked(window.green), _asked(window.blue)
    if all(green * factor < blue for green, blue in (busier, asked)):
        return Load.LIGHTER
    if all(green > blue * factor for green, blue in (busier, asked)):
        return Load.HEAVIER
    return Load.EQUAL


def at_a_time(side: Counts) -> float:
    """Requests being answered at a time by one replica."""
    return side.running / max(side.replicas, 1)


def _asked(side: Counts) -> float:
    return side.requests / max(side.replicas, 1)
