"""When the same backend is asked once more, and how long before. Pure, but for the budget, which counts."""

from __future__ import annotations

from app.logic.answer import Failure, Kind

# Asking again may help: the next connection can reach another replica, a full one may have room.
_HELPS = frozenset({Kind.UNREACHABLE, Kind.BUSY, Kind.CUT, Kind.GARBLED})
SHORT_S = 2.0  # a longer Retry-After is a reason to go elsewhere or to say so
FIRST_S = 0.1
LONGEST_S = 2.0
SHARE = 0.2  # of what runs may be retries: more would turn a brown-out into an outage
FLOOR = 3  # at low traffic a share is less than one


def back_off_s(failure: Failure, tries: int, draw: float) -> float | None:
    """Seconds to wait after the ``tries``-th attempt failed so; None where asking again cannot help.

    Full jitter (AWS Architecture Blog, 'Exponential Backoff And Jitter', 2015): ``draw`` is uniform in [0, 1).
    """
    if failure.kind not in _HELPS:
        return None
    if failure.retry_after_s is not None:
        return failure.retry_after_s + draw * FIRST_S if failure.retry_after_s <= SHORT_S else None
    return draw * min(LONGEST_S, FIRST_S * float(2**tries))


class RetryBudget:
    """Counts the retries that run now."""

    def __init__(self) -> None:
        self._retrying = 0

    def allows(self, running: int) -> bool:
        return self._retrying < max(FLOOR, SHARE * running)

    def __enter__(self) -> None:
        self._retrying += 1

    def __exit__(self, *_: object) -> None:
        self._retrying -= 1
