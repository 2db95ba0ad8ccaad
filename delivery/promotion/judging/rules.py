"""The numbers that a promotion is judged by, with their reasons; docs/promotion.md says what follows from them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from delivery.evidence import BAD_KINDS, LOG_MEASURES


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """Chosen on 2026-11-24, before any data; the simulation (`python -m benchmarks.promotion`) shows what they do."""

    # False rollback of a whole promotion: shared out over the metrics (Bonferroni).
    alpha: float = 0.05
    # False promotion, per metric: all must pass, so it is not shared out (intersection-union).
    beta: float = 0.02
    # Twice the bad events is what the test is made to catch; so is this factor in time, tokens and dollars.
    margin: float = 1.3
    # A significant increase below this factor is a fact for the report, not a reason to roll back.
    material: float = 1.1
    # A kind of bad event that is shown to be rarer than `rare_below` on green passes whatever blue's rate is,
    # as without any bad event no comparison ever ends. Tested against `rare`.
    rare: float = 0.001
    rare_below: float = 0.01
    # Green's requests that a step must have seen after its warm-up, and those that are the warm-up.
    least_green_requests: int = 100
    warm_up_requests: int = 20
    # Values on each side before variances are believed; pairs of the same prompt sent to both, which vary less.
    least_values: int = 30
    least_pairs: int = 15
    # A measure that fewer of blue's requests have than this need not pass (it would hold the rest up); it may roll back.
    least_part: float = 0.05
    # Requests per replica, and requests at a time per replica, may differ by this factor before times are not compared.
    load_factor: float = 2.0
    # Without a blue to compare with: geometric means in seconds. Tokens and dollars have no limit that fits all.
    absolute_limits: Mapping[str, float] = field(
        default_factory=lambda: {"first_token": 10.0, "between_tokens": 1.0, "whole_answer": 60.0}
    )

    def alpha_per_metric(self, others: int = 0) -> float:
        """The false alarms that one metric may have, beside so many that are judged elsewhere."""
        return self.alpha / (len(BAD_KINDS) + len(LOG_MEASURES) + others)

    @property
    def log_margin(self) -> float:
        """The margin as a difference of logarithms."""
        return math.log(self.margin)


RULES = Rules()
