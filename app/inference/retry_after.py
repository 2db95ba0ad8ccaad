"""When a provider asks to be asked again: the headers of its answer, or its words, as seconds."""

from __future__ import annotations

import contextlib
import math
import re
import time
from collections.abc import Iterator, Mapping
from email.utils import parsedate_to_datetime

LONGEST_S = 86_400.0  # no caller waits longer than a day; a larger number is a mistake

# OpenAI and those who answer like it, when a limit is used up: `x-ratelimit-reset-requests: 6m0s`, `…-tokens: 120ms`
# (platform.openai.com/docs/guides/rate-limits, checked 2026-11-30).
_LIMITS = ("requests", "tokens")
_DURATION = re.compile(r"(?=.)(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+(?:\.\d+)?)s)?(?:(\d+(?:\.\d+)?)ms)?")
_UNITS_S = (86_400.0, 3600.0, 60.0, 1.0, 0.001)

# In words: OpenAI's "Please try again in 6m0s" or "in 898ms", Azure's "Please retry after 33 seconds", Gemini's "Please retry in 27.4s"
# (openai/codex 5956, openai/openai-node 1108 and others, read 2026-12-01).
_PIECE = r"(\d{1,6}(?:\.\d{1,9})?) ?(ms|s|m|h|d|milliseconds?|seconds?|minutes?|hours?|days?)(?![a-z])"
_PIECES = re.compile(_PIECE, re.I)
_IN_WORDS = re.compile(rf"(?:try again|retry) (?:in|after) (?:{_PIECE} ?)+", re.I)
_UNIT_S = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}


def said_s(text: str) -> float | None:
    """Seconds from now, at most a day, that ``text`` asks to wait; None where it names no time."""
    if (found := _IN_WORDS.search(text)) is None:
        return None
    return min(sum(float(number) * _unit_s(unit.lower()) for number, unit in _PIECES.findall(found[0])), LONGEST_S)


def _unit_s(unit: str) -> float:
    return 0.001 if unit.startswith(("ms", "milli")) else _UNIT_S[unit[0]]


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Seconds from now, at least 0 and at most a day; None where the headers name no time that can be understood.

    ``Retry-After`` is a number of seconds or a date (RFC 9110, section 10.2.3); where there is none, the limits that are used up count.
    """
    for asked in (_milliseconds(headers), _seconds_or_date(headers), max(_resets(headers), default=None)):
        if asked is not None:
            return min(max(0.0, asked), LONGEST_S)
    return None


def _milliseconds(headers: Mapping[str, str]) -> float | None:
    wait_ms = _number(headers.get("retry-after-ms", ""))
    return None if wait_ms is None else wait_ms / 1000


def _seconds_or_date(headers: Mapping[str, str]) -> float | None:
    given = headers.get("retry-after", "")
    if (wait_s := _number(given)) is not None:
        return wait_s
    with contextlib.suppress(ValueError, OverflowError):
        return parsedate_to_datetime(given).timestamp() - time.time()
    return None


def _number(text: str) -> float | None:
    with contextlib.suppress(ValueError):
        number = float(text)
        return None if math.isnan(number) else number
    return None


def _resets(headers: Mapping[str, str]) -> Iterator[float]:
    for limit in _LIMITS:
        found = _DURATION.fullmatch(headers.get(f"x-ratelimit-reset-{limit}", ""))
        if found is not None and headers.get(f"x-ratelimit-remaining-{limit}", "").strip() == "0":
            yield sum(float(part) * unit for part, unit in zip(found.groups(), _UNITS_S, strict=True) if part)
