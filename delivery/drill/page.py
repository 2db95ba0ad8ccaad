"""A drill as one HTML file that needs no network: what it came to, every answer on a timeline, each fault's figures."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from delivery.drill import table
from delivery.drill.app import Drilled
from delivery.drill.figures import Effect, Figures, Share, Stage
from delivery.drill.playing import Asked, Outcome, Played

_HEIGHT = 240.0
_LOST_LANE = 26.0  # above the axis of times: what never came has none
_SECONDS_WIDE = 1000.0
_STEPS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800)


def render(drilled: Drilled, suite: str, played: Played, figures: Figures) -> str:
    """The page."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html.jinja").render(
        drilled=drilled,
        suite=suite,
        made=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        verdict=table.verdict(drilled, figures, suite),
        timeline=timeline(played),
        rows=[_row("before", "nothing is away", figures.before), *map(_of_effect, figures.effects)],
        lost=[_lost(each) for each in played.asked if each.answer.lost],
    )


def timeline(played: Played) -> Mapping[str, Any]:
    """A dot for each answer: across when it was asked for, up how long until its first content, on a logarithmic axis."""
    end_s = max(each.ended_s for each in played.asked)
    waits_s = [max(each.first_content_s - each.began_s, 0.001) for each in played.asked if not each.answer.lost] or [
        0.1
    ]
    low, high = math.floor(math.log10(min(waits_s))), math.ceil(math.log10(max(waits_s)))
    high = max(high, low + 1)

    def x(seconds: float) -> float:
        return round(_SECONDS_WIDE * seconds / end_s, 1)

    def y(wait_s: float) -> float:
        share = (math.log10(max(wait_s, 10**low)) - low) / (high - low)
        return round(_LOST_LANE + (_HEIGHT - _LOST_LANE) * (1 - share), 1)

    return {
        "width": _SECONDS_WIDE,
        "height": _HEIGHT,
        "lost": _LOST_LANE / 2,
        "bands": [
            {"left": x(each.shut_s), "width": max(x(each.opened_s) - x(each.shut_s), 2), "name": each.fault.name}
            for each in played.outages
        ],
        "rises": [{"y": y(10.0**power), "label": _duration(10.0**power)} for power in range(low, high + 1)],
        "times": [{"x": x(at), "label": f"{at:g} s"} for at in _ticks(end_s)],
        "dots": [_dot(each, played.backend, x, y) for each in played.asked],
    }


def _dot(asked: Asked, backend: str, x: Callable[[float], float], y: Callable[[float], float]) -> dict[str, Any]:
    wait_s = asked.first_content_s - asked.began_s
    kind = asked.outcome(backend)
    words = asked.answer.failure if kind is Outcome.LOST else f"{kind}, {_duration(wait_s)}, by {asked.answer.backend}"
    return {
        "x": x(asked.began_s),
        "y": _LOST_LANE / 2 if kind is Outcome.LOST else y(wait_s),
        "kind": kind,
        "title": f"{asked.case}: {words}",
    }


def _ticks(end_s: float) -> list[float]:
    step = next((each for each in _STEPS_S if end_s / each <= 8), _STEPS_S[-1])
    return [float(at) for at in range(0, int(end_s) + 1, step)]


def _of_effect(effect: Effect) -> dict[str, Any]:
    row = _row(effect.fault, effect.words, effect.during)
    first, back = effect.first_success_s, effect.back_s
    return row | {
        "first": "never" if first is None else _duration(first),
        "later": table.later(effect),
        "back": "not in time" if back is None else _duration(back),
        "after": _bar(effect.after.passed),
    }


def _row(name: str, words: str, stage: Stage) -> dict[str, Any]:
    return {
        "name": name,
        "words": words,
        "first": "",
        "later": "",
        "back": "",
        "after": None,
        "lost": stage.lost,
        "elsewhere": stage.elsewhere,
        "rescued": stage.rescued,
        "passed": _bar(stage.passed),
        "usd": table.usd(stage),
    }


def _bar(share: Share) -> dict[str, float]:
    low, high = share.interval
    return {
        "percent": round(share.percent),
        "low": round(low, 1),
        "high": round(high, 1),
        "width": round(high - low, 1),
    }


def _lost(asked: Asked) -> dict[str, str]:
    return {"at": f"{asked.began_s:.1f} s", "case": asked.case, "why": asked.answer.failure}


def _duration(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s".replace(".0 s", " s")
