"""Whose fault a bad request of no known shape was, as found out by asking a second backend; kept for a while, so that it is found out once."""

from __future__ import annotations

import time
from typing import NamedTuple

from app.logic.answer import Blame, Failure

KEPT_S = 600.0
MAX_KEPT = 1000


# Codes that say no more than the status: what is found out of one error of such a server says nothing of the next.
_SAYS_NOTHING = frozenset(
    {"invalid_request_error", "invalid_parameter_error", "bad_request", "invalid_argument", "validation_error", "error"}
)
_HOLDS_ALL = frozenset({"messages", "prompt", "input", "tools"})  # fields that are as good as the whole request


class Case(NamedTuple):
    """What a backend said to the requests of one key: its code, and the field that it named. What comes of one key's mistakes is not
    held against another's.
    """

    key: str
    backend: str
    code: str
    param: str


class Verdicts:
    """Shared by all requests."""

    def __init__(self) -> None:
        self._kept: dict[Case, tuple[float, Blame]] = {}

    def of(self, key: str, backend: str, failure: Failure) -> Blame:
        """Whose fault ``failure`` is, as far as is known now."""
        if failure.blame is not Blame.UNKNOWN:
            return failure.blame
        until, blame = self._kept.get(_case(key, backend, failure), (0.0, Blame.UNKNOWN))
        return blame if time.monotonic() < until else Blame.UNKNOWN

    def keep(self, key: str, backend: str, failure: Failure, blame: Blame) -> None:
        """What came of it. One that says neither code nor field is like no other, and is not kept."""
        case = _case(key, backend, failure)
        if not (case.code or case.param):
            return
        self._kept.pop(case, None)
        if len(self._kept) >= MAX_KEPT:
            del self._kept[next(iter(self._kept))]
        self._kept[case] = (time.monotonic() + KEPT_S, blame)


def _case(key: str, backend: str, failure: Failure) -> Case:
    code, param = failure.reported.code, failure.reported.param
    return Case(
        key,
        backend,
        "" if code in _SAYS_NOTHING or code.isdecimal() else code,
        "" if param in _HOLDS_ALL else param,
    )
