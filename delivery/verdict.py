"""What a comparison of two versions can come to. Only `promote` moves traffic to the new one."""

from __future__ import annotations

from enum import StrEnum


class Verdict(StrEnum):
    """The four answers; the last two leave everything as it is."""

    PROMOTE = "promote"
    ROLL_BACK = "roll_back"
    NOT_ENOUGH_EVIDENCE = "not_enough_evidence"
    COULD_NOT_MEASURE = "could_not_measure"
