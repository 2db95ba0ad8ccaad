"""Counts and windows for tests, with what is left out filled in as a healthy service would have it."""

from __future__ import annotations

import math
from collections.abc import Mapping

from delivery.evidence import BAD_KINDS, LOG_MEASURES, Counts, Moments, StepWindow


def moments(count: int, mean: float = 12.0, sigma: float = 0.5) -> Moments:
    """Exactly this mean and standard deviation."""
    return Moments(count, count * mean, count * mean * mean + sigma * sigma * max(count - 1, 0))


def counts(
    requests: int,
    *,
    bad: Mapping[str, int] | None = None,
    factors: Mapping[str, float] | None = None,
    logs: Mapping[str, Moments] | None = None,
    running: float = 0.5,
    at_s: float = 0.0,
) -> Counts:
    """Counters of a side whose every request has every measure; `factors` make some of them larger."""
    sizes = {name: moments(requests, 12.0 + math.log((factors or {}).get(name, 1.0))) for name in LOG_MEASURES}
    return Counts(
        requests=requests,
        attempts=requests,
        bad={**dict.fromkeys(BAD_KINDS, 0), **(bad or {})},
        logs={**sizes, **(logs or {})},
        running=running,
        at_s=at_s,
    )


def window(green: Counts, blue: Counts | None = None, share: int = 5) -> StepWindow:
    """A window whose blue had 19 times as many requests, and nothing bad."""
    return StepWindow(share=share, blue=blue or counts(19 * green.requests), green=green)
