"""The ways in which a provider goes away: what a person may name with `--fault`, and what the way to it then does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto

from delivery.failure import ExitCode, Failure


class Shut(Enum):
    """What happens to a request."""

    REFUSED = auto()  # nobody listens, and what was open is reset
    SWALLOWED = auto()  # no packet is answered, neither on new connections nor on open ones
    ANSWERED = auto()  # with a status, in place of the provider
    LATE = auto()  # the provider's answer begins, and its first content comes long after
    CUT = auto()  # the connection is reset in the middle of an answer
    STALLED = auto()  # nothing more comes in the middle of an answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    name: str
    how: Shut
    words: str
    status: int = 0


FAULTS: Mapping[str, Fault] = {
    fault.name: fault
    for fault in (
        Fault(name="refused", how=Shut.REFUSED, words="connections are refused"),
        Fault(name="black-hole", how=Shut.SWALLOWED, words="packets get no answer"),
        Fault(name="rate-limited", how=Shut.ANSWERED, status=429, words="every request is answered with 429"),
        Fault(name="server-error", how=Shut.ANSWERED, status=500, words="every request is answered with 500"),
        Fault(name="slow", how=Shut.LATE, words="the first token comes after 30 s"),
        Fault(name="cut", how=Shut.CUT, words="answers are cut in the middle"),
        Fault(name="stalled", how=Shut.STALLED, words="answers stop in the middle"),
    )
}


def named(names: list[str]) -> list[Fault]:
    """The faults by their names, all where none is named. Raises Failure."""
    unknown = [name for name in names if name not in FAULTS]
    if unknown:
        raise Failure(
            f"'{unknown[0]}' is not a fault. Known: {', '.join(FAULTS)}.", "leave --fault out for all", ExitCode.USAGE
        )
    return [FAULTS[name] for name in names] or list(FAULTS.values())
