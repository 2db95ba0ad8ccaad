"""Where the lines of a chart run, in percent of its width and height, so that the page may give it any size."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from typing import Any

from delivery.promotion.reports.figures import duration, number, unix_s

SIDES = ("blue", "green")
_TICKS = 5
_TIMES_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400)

Point = tuple[float, float]


def over_time(
    series: Sequence[Mapping[str, Any]],
    value: Callable[[Mapping[str, Any], str], float | None],
    label: Callable[[float], str],
) -> dict[str, Any]:
    """A line for each side, broken where the share changes, as values are counted anew then; empty without any value."""
    steps = [(share, list(points)) for share, points in groupby(series, key=lambda point: int(point["share"]))]
    lines = [(side, _known(points, side, value)) for _, points in steps for side in SIDES]
    values = [each for _, points in lines for _, each in points]
    if not values:
        return {}
    begin, end = float(series[0]["at"]), float(series[-1]["at"])
    rises = _round_steps(max(values))
    x, y = _scale(begin, end), _scale(0, rises[-1])

    def drawn(points: Sequence[Point]) -> str:
        return _path([(x(at), 100 - y(each)) for at, each in points])

    return {
        "paths": [{"colour": side, "d": drawn(points)} for side, points in lines if points],
        "area": "",
        "rises": [{"top": 100 - y(rise), "label": label(rise)} for rise in rises],
        "times": _times(begin, end),
        "marks": [{"left": x(float(points[0]["at"])), "label": f"{share} %"} for share, points in steps],
    }


def share_over_time(state: Mapping[str, Any]) -> dict[str, Any]:
    """Green's share as stairs, and the phases as a band below; empty without any history."""
    history = state["history"]
    if not history:
        return {}
    begin = unix_s(state["began_at"] or history[0]["at"])
    end = max(unix_s(each["at"]) for each in history)
    end = max(end, unix_s(state["updated_at"] or history[-1]["at"]), begin + 1)
    x = _scale(begin, end)
    # The first act of a rollback is to take the traffic away; its own line is written just before.
    turns = [(unix_s(each["at"]), 0 if each["phase"] == "roll_back" else each["share"]) for each in history]
    stairs: list[Point] = [(0.0, 100.0)]
    for at, share in turns:
        stairs += [(x(at), stairs[-1][1]), (x(at), 100.0 - share)]
    stairs.append((100.0, stairs[-1][1]))
    path = _path(stairs)
    starts = [("prepare", begin)]
    for each in history:
        if each["phase"] != starts[-1][0]:
            starts.append((each["phase"], unix_s(each["at"])))
    ends = [at for _, at in starts[1:]] + [end]
    return {
        "paths": [{"colour": "green", "d": path}],
        "area": f"{path}V100H0Z",
        "rises": [{"top": 100 - percent, "label": f"{percent} %"} for percent in (0, 25, 50, 75, 100)],
        "times": _times(begin, end),
        "marks": [],
        "phases": [
            {
                "name": name.replace("_", " "),
                "left": x(at),
                "width": round(x(until) - x(at), 2),
                "took": duration(until - at),
            }
            for (name, at), until in zip(starts, ends, strict=True)
            if name != "done"
        ],
    }


def interval(comparison: Mapping[str, Any]) -> dict[str, Any]:
    """The interval of green minus blue, the margin and zero on one axis of points."""
    lower, upper, margin = (float(comparison[f"{name}_points"]) for name in ("lower", "upper", "margin"))
    low, high = min(lower, -margin) - 4, max(upper, 0.0) + 4
    x = _scale(low, high)
    return {
        "left": x(lower),
        "width": round(x(upper) - x(lower), 2),
        "middle": x(float(comparison["difference_points"])),
        "margin": x(-margin),
        "zero": x(0.0),
        "ends": [{"left": x(at), "label": signed(at)} for at in (lower, upper)],
    }


def signed(points: float) -> str:
    """Such as +1.5 and −3."""
    return f"+{number(points)}" if points > 0 else number(points)


def _known(
    points: Sequence[Mapping[str, Any]], side: str, value: Callable[[Mapping[str, Any], str], float | None]
) -> list[Point]:
    """A side's values by time, without the moments that have none."""
    values = ((float(each["at"]), value(each, side)) for each in points)
    return [(at, found) for at, found in values if found is not None]


def _scale(low: float, high: float) -> Callable[[float], float]:
    """Maps `low` to 0 and `high` to 100; where both are one value, it lies at 0."""
    return lambda value: round(100 * (value - low) / (high - low), 2) if high > low else 0.0


def _path(points: Sequence[Point]) -> str:
    """A point alone is drawn too: a line of no length with a round end."""
    (left, top), *others = points
    return f"M{left:g} {top:g}" + ("".join(f"L{x:g} {y:g}" for x, y in others) or "h0")


def _round_steps(highest: float) -> list[float]:
    """From 0 to the first round number at or above, in at most five round steps."""
    if highest <= 0:
        return [0.0, 1.0]
    power = 10 ** math.floor(math.log10(highest / _TICKS))
    step = next(power * each for each in (1, 2, 5, 10) if power * each * _TICKS >= highest)
    return [step * count for count in range(math.ceil(round(highest / step, 9)) + 1)]


def _times(begin: float, end: float) -> list[dict[str, Any]]:
    """Round times since the beginning."""
    length = max(end - begin, 1.0)
    step = next((each for each in _TIMES_S if each * _TICKS >= length), _TIMES_S[-1])
    x = _scale(0, length)
    return [{"left": x(at), "label": duration(at)} for at in range(0, int(length) + 1, step)]
