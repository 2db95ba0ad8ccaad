"""Requests and hours before anything is deployed."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from delivery.promotion.judging import plan, sprt
from delivery.promotion.judging.plan import Demand
from tests.delivery.promotion.judging.made import counts

QUIET = Demand(requests_per_s=10.0, bad_rates={}, sigmas={}, parts={})
BUSY = Demand(
    requests_per_s=50.0, bad_rates={"attempt_failed": 0.01}, sigmas={"first_token": 0.5}, parts={"first_token": 0.5}
)
STEPS = (5, 25, 50, 100)


@pytest.mark.parametrize(
    ("base_rate", "green", "requests"),
    [(0.05, 700, 14_000), (0.02, 1_700, 34_000), (0.01, 3_500, 70_000), (0.001, 35_000, 700_000)],
)
def test_doubled_errors_at_5_percent_need_so_many_requests(base_rate: float, green: int, requests: int) -> None:
    """With five metrics, so that each may be wrong in 1 %; within 5 %."""
    found = plan.requests_to_catch_doubled(base_rate, 0.05, alpha=0.01, beta=0.02)

    assert found == pytest.approx(requests, rel=0.05)
    assert found * 0.05 == pytest.approx(green, rel=0.05)


@pytest.mark.parametrize(("sigma", "green"), [(0.5, 100), (0.8, 250), (1.0, 400)])
def test_sizes_need_so_many_requests(sigma: float, green: int) -> None:
    """By their spread, at 5 % of the traffic."""
    assert plan.green_to_pass_measure(sigma, 1.0, 0.05) == pytest.approx(green, rel=0.05)


def test_the_distribution_of_arrival_times_is_that_of_the_walk() -> None:
    """The median number of bad events until a doubled rate is caught: 227, simulated, with alpha = 1 %."""
    share = 0.05
    p1 = sprt.doubled(share)

    drift, sigma = plan._moments(p1, share, p1)
    median = plan.first_passage(drift, sigma, sprt.bounds(0.01, 0.02).reject, 0.5 * 0.98)

    assert median == pytest.approx(227, rel=0.1)


def test_without_a_single_bad_event_a_step_passes_all_the_same() -> None:
    """432 requests on green: so many that a rate of 1 % would have shown."""
    first = plan.plan(STEPS, QUIET, max_bake_s=3600).steps[0]

    assert first.green_requests == pytest.approx(432 + 20, abs=3)
    assert first.requests == pytest.approx(20 * first.green_requests, abs=20)
    assert first.hours == pytest.approx(first.requests / 10 / 3600)
    assert first.fits


def test_what_a_step_has_found_out_the_next_one_need_not() -> None:
    """Bad events add up over steps; the first step takes nearly all of the time."""
    whole = plan.plan(STEPS, BUSY, max_bake_s=3600)

    assert whole.steps[0].slowest == "attempt_failed"
    assert whole.steps[1].requests < whole.steps[0].requests / 10
    assert whole.hours == pytest.approx(sum(step.hours for step in whole.steps))
    assert whole.requests == sum(step.requests for step in whole.steps)


def test_less_traffic_takes_longer_and_may_not_fit() -> None:
    """A step ends undecided at maxBakeS: better known before."""
    slow = plan.plan(STEPS, replace(BUSY, requests_per_s=1.0), max_bake_s=3600)

    assert not slow.steps[0].fits
    assert slow.hours > 10


def test_without_traffic_it_never_ends_and_says_so_in_json() -> None:
    """No number stands for no end."""
    never = plan.plan(STEPS, replace(QUIET, requests_per_s=0.0), max_bake_s=3600)

    told = json.loads(json.dumps(never.as_json(), allow_nan=False))

    assert told["hours"] is None
    assert not never.steps[0].fits


def test_demand_is_measured_from_blues_counters() -> None:
    """Rates by attempts, spreads by logarithms, over the seconds of the window."""
    seen = counts(1_100, bad={"cut": 12}) - counts(100, bad={"cut": 2})

    demand = plan.demand_of(seen, seconds=50)

    assert demand.requests_per_s == 20
    assert demand.bad_rates["cut"] == pytest.approx(0.01)
    assert demand.sigmas["tokens"] == pytest.approx(0.5, rel=0.01)
    assert demand.parts["tokens"] == 1
