"""A drill as a person reads it in a terminal: what it comes to, then a line for each fault."""

from __future__ import annotations

from delivery.drill.app import Drilled
from delivery.drill.figures import Effect, Figures, Stage
from delivery.terminal import data, table


def show(drill: Drilled, figures: Figures, suite: str) -> None:
    """Print it on stdout."""
    data(verdict(drill, figures, suite))
    data("")
    columns = (
        "fault",
        "1st success",
        "lost",
        "elsewhere",
        "rescued",
        "1st token later by",
        "passed",
        "USD",
        "back in",
    )
    table(columns, [_before(figures.before), *(_row(effect) for effect in figures.effects)])


def verdict(drill: Drilled, figures: Figures, suite: str) -> str:
    """The drill in one sentence."""
    lost = sum(effect.during.lost.count for effect in figures.effects)
    total = sum(effect.during.lost.total for effect in figures.effects)
    slowest = max(figures.effects, key=lambda effect: _or_ever(effect.first_success_s))
    took = "never" if slowest.first_success_s is None else f"after {slowest.first_success_s:.2f} s"
    return (
        f"'{drill.backend}' away from model '{drill.model}', {len(figures.effects)} "
        f"{'faults' if len(figures.effects) > 1 else 'fault'}, suite {suite}: "
        f"{lost} of {total} answers lost; the first success came at the latest {took} ({slowest.fault})"
    )


def _or_ever(seconds: float | None) -> float:
    return float("inf") if seconds is None else seconds


def _before(stage: Stage) -> tuple[str, ...]:
    return (
        "(before)",
        "",
        _lost(stage),
        str(stage.elsewhere),
        str(stage.rescued),
        "",
        _passed(stage),
        usd(stage),
        "",
    )


def _row(effect: Effect) -> tuple[str, ...]:
    stage = effect.during
    return (
        effect.fault,
        "never" if effect.first_success_s is None else f"{effect.first_success_s:.2f} s",
        _lost(stage),
        str(stage.elsewhere),
        str(stage.rescued),
        later(effect),
        _passed(stage),
        usd(stage),
        "not in time" if effect.back_s is None else f"{effect.back_s:.1f} s",
    )


def later(effect: Effect) -> str:
    """The added time to the first token, with its interval."""
    if effect.added is None:
        return "not known"
    bounds = effect.added.interval
    size, unit, form = (1000.0, "s", "+.1f") if effect.added.median_ms >= 1000 else (1.0, "ms", "+.0f")
    shown = "" if bounds is None else f" ({bounds[0] / size:{form}} to {bounds[1] / size:{form}})"
    return f"{effect.added.median_ms / size:{form}} {unit}{shown}"


def _lost(stage: Stage) -> str:
    return f"{stage.lost.count} of {stage.lost.total}"


def _passed(stage: Stage) -> str:
    low, high = stage.passed.interval
    return f"{stage.passed.percent:.0f} % ({low:.0f} to {high:.0f})"


def usd(stage: Stage) -> str:
    return "unknown" if stage.usd is None else f"{stage.usd:.4f}"
