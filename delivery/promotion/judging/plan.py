"""How many requests, and hours, a promotion will need: told by `--dry-run` before anything is deployed.

How long a sequential test takes is nearly the first passage of a Brownian motion with the same drift and variance, whose
distribution is known (inverse Gaussian).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import NormalDist
from typing import Any

from scipy.stats import invgauss

from delivery.evidence import BAD_KINDS, Counts
from delivery.promotion.judging import mixture, sprt
from delivery.promotion.judging.rules import RULES, Rules

# How sure it shall be that the requests are enough.
SURE = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """What blue does now: requests in a second, the rate of each bad event, and for each measure its spread and part."""

    requests_per_s: float
    bad_rates: Mapping[str, float]
    sigmas: Mapping[str, float]
    parts: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class StepPlan:
    """What a step needs when green is as good as blue, which measure needs the most, and to catch one that is worse."""

    share: int
    green_requests: int
    requests: int
    hours: float
    slowest: str
    requests_to_catch_doubled: Mapping[str, int]
    fits: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Every step, and their sum; `hours` is infinite without demand."""

    steps: tuple[StepPlan, ...]
    requests: int
    hours: float

    def as_json(self) -> dict[str, Any]:
        """Plain values; hours without end are null."""
        steps = [{**asdict(step), "hours": _finite(step.hours)} for step in self.steps]
        return {"steps": steps, "requests": self.requests, "hours": _finite(self.hours)}


def demand_of(window: Counts, seconds: float) -> Demand:
    """What blue did in a window of so many seconds."""
    sigmas = {
        name: math.sqrt(moments.spread / (moments.count - 1))
        for name, moments in window.logs.items()
        if moments.count > 1
    }
    return Demand(
        requests_per_s=window.requests / seconds,
        bad_rates={kind: count / max(window.attempts, 1) for kind, count in window.bad.items()},
        sigmas=sigmas,
        parts={name: min(1.0, window.logs[name].count / max(window.requests, 1)) for name in sigmas},
    )


def plan(steps: Sequence[int], demand: Demand, *, max_bake_s: float, rules: Rules = RULES) -> Plan:
    """Requests and hours of each step when green is no different, with 95 % certainty for each measure.

    What a step has found out about bad events the next one need not; times are measured at each.
    """
    known: dict[str, float] = {}
    made = []
    for share in steps:
        needs = {"requests": float(rules.least_green_requests)}
        if share < 100:
            needs |= {
                name: green_to_pass_measure(sigma, demand.parts[name], share / 100, rules)
                for name, sigma in demand.sigmas.items()
                if demand.parts[name] >= rules.least_part
            }
        for kind in BAD_KINDS:
            whole = green_to_pass_kind(demand.bad_rates.get(kind, 0.0), share / 100, rules)
            left = 1.0 if share == 100 else max(0.0, 1.0 - known.get(kind, 0.0))
            needs[kind] = whole * left
        slowest = max(needs, key=lambda name: needs[name])
        green = math.ceil(needs[slowest]) + rules.warm_up_requests
        known = {
            kind: known.get(kind, 0.0) + green / green_to_pass_kind(demand.bad_rates.get(kind, 0.0), share / 100, rules)
            for kind in BAD_KINDS
        }
        made.append(_step(share, green, slowest, demand, max_bake_s, rules))
    return Plan(steps=tuple(made), requests=sum(step.requests for step in made), hours=sum(step.hours for step in made))


def requests_to_catch_doubled(base_rate: float, share: float, alpha: float, beta: float, sure: float = SURE) -> int:
    """Requests on both sides until a doubled rate is caught, with probability `sure`, for green's share (0 to 1)."""
    bounds, p1 = sprt.bounds(alpha, beta), sprt.doubled(share)
    events = first_passage(*_moments(p1, share, p1), bounds.reject, sure + beta)
    return math.ceil(events / (base_rate * (1 - share) + 2 * base_rate * share))


def green_to_pass_kind(rate: float, share: float, rules: Rules = RULES, sure: float = SURE) -> float:
    """Green's requests until a kind passes at the same rate on both sides: compared, or shown to be rare enough."""
    accept = -sprt.bounds(rules.alpha_per_metric(), rules.beta).accept
    needs = []
    if rate > 0 and share < 1:
        drift, sigma = _moments(share, share, sprt.doubled(share))
        needs.append(first_passage(-drift, sigma, accept, sure) / rate * share)
    expected, too_much = (rules.rare, rules.rare_below)
    if share == 1:
        expected, too_much = max(rules.rare, rate), max(rules.rare_below, min(2 * rate, (1 + rate) / 2))
    drift, sigma = _moments(rate, expected, too_much)
    if drift < 0:
        needs.append(first_passage(-drift, sigma, accept, sure))
    return min(needs)


def green_to_pass_measure(sigma: float, part: float, share: float, rules: Rules = RULES, sure: float = SURE) -> float:
    """Green's requests until the interval of a measure that both sides share ends below the margin."""

    def passes(values: float) -> bool:
        variance = max(sigma, 1e-6) ** 2 / values / (1 - share)
        unlucky = NormalDist().inv_cdf(sure) * math.sqrt(variance)
        return unlucky + mixture.radius(variance, rules.beta, rules.log_margin) < rules.log_margin

    values = float(rules.least_values)
    while not passes(values):
        values *= 1.02
    return values / part


def first_passage(drift: float, sigma: float, distance: float, sure: float) -> float:
    """By when a Brownian motion has come so far, with probability `sure`; its own units. Raises ValueError without drift."""
    if drift <= 0:
        raise ValueError("without a drift it may never arrive")
    if sigma == 0:
        return distance / drift
    shape = (distance / sigma) ** 2
    return float(invgauss.ppf(sure, distance / drift / shape, scale=shape))


def _moments(chance: float, p0: float, p1: float) -> tuple[float, float]:
    """Mean and standard deviation of a trial's log-likelihood ratio, where hits come with this chance."""
    hit, miss = math.log(p1 / p0), math.log((1 - p1) / (1 - p0))
    return chance * hit + (1 - chance) * miss, math.sqrt(chance * (1 - chance)) * (hit - miss)


def _step(share: int, green: int, slowest: str, demand: Demand, max_bake_s: float, rules: Rules) -> StepPlan:
    requests = math.ceil(green * 100 / share)
    hours = requests / demand.requests_per_s / 3600 if demand.requests_per_s > 0 else math.inf
    doubled = {
        kind: requests_to_catch_doubled(rate, share / 100, rules.alpha_per_metric(), rules.beta)
        for kind, rate in demand.bad_rates.items()
        if rate > 0 and share < 100
    }
    return StepPlan(
        share=share,
        green_requests=green,
        requests=requests,
        hours=hours,
        slowest=slowest,
        requests_to_catch_doubled=doubled,
        fits=hours * 3600 <= max_bake_s,
    )


def _finite(hours: float) -> float | None:
    return round(hours, 3) if math.isfinite(hours) else None
