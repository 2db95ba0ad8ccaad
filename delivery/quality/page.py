"""The report as one HTML file that needs no network: sums, charts, and every failing answer beside what was expected."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from delivery.quality.compare import Comparison
from delivery.quality.evaluation import CaseResult, Evaluation, pass_share

_COLOURS = ("blue", "green")
_WIDTH = 340  # of the latency chart, in its own units


def render(evaluations: Sequence[Evaluation], comparison: Comparison | None = None) -> str:
    """The page of one side or of two, blue first."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    first = evaluations[0]
    cases = zip(*(each.cases for each in evaluations), strict=True)
    return environment.get_template("page.html.jinja").render(
        evaluations=list(zip(evaluations, _COLOURS, strict=False)),
        comparison=comparison,
        interval=_interval(comparison) if comparison else {},
        made=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        tags=[_tag_row(name, evaluations) for name in first.by_tag()],
        whole=_latency(evaluations, "total_ms"),
        first_token=_latency(evaluations, "first_token_ms"),
        rows=sorted((_row(sides) for sides in cases), key=lambda row: not row["differs"]),
    )


def _tag_row(name: str, evaluations: Sequence[Evaluation]) -> dict[str, Any]:
    """A tag's bars."""
    cases = [each.by_tag()[name] for each in evaluations]
    return {
        "name": name,
        "count": len(cases[0]),
        "bars": [_bar(each, colour) for each, colour in zip(cases, _COLOURS, strict=False)],
    }


def _bar(cases: Sequence[CaseResult], colour: str) -> dict[str, Any]:
    return {
        "colour": colour,
        "percent": round(100 * pass_share(cases), 1),
        "passed": sum(case.passed for case in cases),
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scale:
    """A logarithmic axis of milliseconds from one power of ten to another."""

    low: int
    high: int

    def at(self, ms: float) -> float:
        share = (math.log10(max(ms, 10**self.low)) - self.low) / (self.high - self.low)
        return round(share * _WIDTH, 1)

    def ticks(self) -> list[dict[str, Any]]:
        powers = range(self.low, self.high + 1)
        return [{"x": self.at(10**power), "label": _duration(10**power)} for power in powers]


def _latency(evaluations: Sequence[Evaluation], name: str) -> dict[str, Any]:
    """A dot for each answer on a logarithmic axis, and the median of each side; empty without any time."""
    times = [_times(each, name) for each in evaluations]
    values = [ms for each in times for ms in each.values()]
    if not values:
        return {}
    low = math.floor(math.log10(min(values)))
    scale = _Scale(low=low, high=max(low + 1, math.ceil(math.log10(max(values)))))
    return {
        "width": _WIDTH,
        "ticks": scale.ticks(),
        "lanes": [
            {"colour": colour, "name": evaluation.side, **_lane(each, scale)}
            for evaluation, each, colour in zip(evaluations, times, _COLOURS, strict=False)
            if each
        ],
    }


def _times(evaluation: Evaluation, name: str) -> dict[str, float]:
    """The median time of each case that has one, in ms."""
    medians = {case.id: case.median(lambda answer: getattr(answer, name)) for case in evaluation.cases}
    return {case: ms for case, ms in medians.items() if ms}


def _lane(times: Mapping[str, float], scale: _Scale) -> dict[str, Any]:
    middle = sorted(times.values())[len(times) // 2]
    return {
        "dots": [
            {"x": scale.at(ms), "title": f"{case}: {_duration(ms)}", "y": _spread(case)} for case, ms in times.items()
        ],
        "median": {"x": scale.at(middle), "label": _duration(middle)},
    }


def _spread(name: str) -> float:
    """Where a dot lies within its lane, so that equal times do not hide each other: the same in each drawing."""
    return 6 + sum(map(ord, name)) % 29


def _duration(ms: float) -> str:
    return f"{ms:.0f} ms" if ms < 1000 else f"{ms / 1000:.1f} s".replace(".0 s", " s")


def _interval(comparison: Comparison) -> Mapping[str, Any]:
    """The interval and the margin on one axis, as percent of its width."""
    bounds = (comparison.lower_points, comparison.upper_points, -comparison.margin_points, 5.0)
    low, high = min(bounds) - 3, max(bounds) + 3

    def at(points: float) -> float:
        return round(100 * (points - low) / (high - low), 2)

    return {
        "left": at(comparison.lower_points),
        "width": round(at(comparison.upper_points) - at(comparison.lower_points), 2),
        "middle": at(comparison.difference_points),
        "margin": at(-comparison.margin_points),
        "zero": at(0),
    }


def _row(cases: Sequence[CaseResult]) -> dict[str, Any]:
    """One case, side by side."""
    return {
        "id": cases[0].id,
        "question": cases[0].question,
        "tags": cases[0].tags,
        "failed": any(not case.passed for case in cases),
        "differs": len({case.passed for case in cases}) > 1,
        "wanted": [each.wanted for each in cases[0].runs[0].results],
        "answers": [_answer(case, colour) for case, colour in zip(cases, _COLOURS, strict=False)],
    }


def _answer(case: CaseResult, colour: str) -> dict[str, Any]:
    """The first answer that failed, else the first."""
    run = next((each for each in case.runs if not each.passed), case.runs[0])
    first, total = case.median(lambda answer: answer.first_token_ms), case.median(lambda answer: answer.total_ms)
    return {
        "colour": colour,
        "passed": case.passed,
        "share": case.pass_share,
        "repeats": len(case.runs),
        "text": run.answer.text,
        "calls": [f"{each['name']}({each['arguments']})" for each in run.answer.tool_calls],
        "failure": run.answer.failure,
        "failed": [
            f"{each.wanted} — found {each.found}" if each.found else each.wanted
            for each in run.results
            if not each.passed
        ],
        "first": "–" if first is None else _duration(first),
        "total": "–" if total is None else _duration(total),
        "tokens": "–" if run.answer.tokens_out is None else run.answer.tokens_out,
        "usd": "unknown" if case.usd is None else f"{case.usd:f}",
    }
