"""`promote --dry-run`: how many requests and hours a promotion needs at the traffic of now. Nothing is deployed."""

from __future__ import annotations

import time
from pathlib import Path

from delivery.engine import engine_for
from delivery.evidence import Window
from delivery.failure import ExitCode, Failure
from delivery.platforms.metrics import Metrics, MetricsError
from delivery.promotion.judging.plan import Plan, demand_of, plan
from delivery.promotion.record import Promotion
from delivery.terminal import data_json, say, table

LOOK_S = 10.0
GLANCE_S = 2.0


def show(root: Path, promotion: Promotion, *, as_json: bool) -> None:
    """Print the plan. Raises Failure where the traffic cannot be measured."""
    say(f"looking at the traffic of {promotion.stack} for {LOOK_S:g} s")
    try:
        found = plan_of(root, promotion, LOOK_S)
    except MetricsError as error:
        raise Failure(str(error).partition("\n")[0] + ".", "", ExitCode.COULD_NOT_MEASURE) from None
    if as_json:
        data_json(
            "promote", promotion.stack, {"blue": promotion.blue, "green": promotion.green, "plan": found.as_json()}
        )
        return
    rows = [
        (
            f"{step.share} %",
            f"{step.green_requests:,}",
            f"{step.requests:,}",
            _time(step.hours),
            step.slowest,
            _fits(step.fits),
        )
        for step in found.steps
    ]
    table(("green takes", "green requests", "all requests", "time", "decided last", "within maxBakeS"), rows)
    say(f"in all {found.requests:,} requests, {_time(found.hours)}, if green is as good as blue")
    if not all(step.fits for step in found.steps):
        say("callers alone would not decide in time: the suite's prompts would go to both sides as well")


def plan_of(root: Path, promotion: Promotion, seconds: float) -> Plan:
    """From what blue did in so many seconds: the last ones where its platform remembers them, else the next. Raises MetricsError."""
    engine = engine_for(root, promotion.stack)
    blue_green = engine.platform.blue_green
    assert blue_green is not None, "a promotion is of a target that can be promoted"
    window = looked_at(blue_green.both(engine.deployed(engine.outputs())).metrics, seconds)
    if promotion.blue not in window.counts:
        raise MetricsError("there are no metrics of blue")
    if promotion.blue in window.restarts:
        raise MetricsError(window.restarts[promotion.blue])
    if window.until_s <= window.since_s:
        raise MetricsError("the platform knows nothing of the last seconds yet")
    demand = demand_of(window.counts[promotion.blue], window.until_s - window.since_s)
    return plan(promotion.rollout.steps, demand, max_bake_s=promotion.rollout.max_bake_s)


def looked_at(metrics: Metrics, seconds: float) -> Window:
    """What was counted in so many seconds. Raises MetricsError."""
    window = metrics.read(time.time() - seconds)
    missing_s = seconds - (window.until_s - window.since_s)
    if missing_s <= 0:
        return window
    time.sleep(missing_s)
    return metrics.read(window.since_s)


def _time(hours: float) -> str:
    if hours == float("inf"):
        return "never"
    if hours < 1 / 30:
        return f"{hours * 3600:.0f} s"
    if hours < 2:
        return f"{hours * 60:.0f} min"
    return f"{hours:.1f} h"


def _fits(fits: bool) -> str:
    return "yes" if fits else "no"
