"""A drill as a person reads it in a terminal: what it comes to, then a line for each fault."""

from __future__ import annotations

from delivery.drill.app import Drilled
from delivery.drill.figures import Effect, Figures, Stage
from delivery.terminal import data, table


def show(drill: Drilled, figures: Figures, suite: str) -> None:
    """Print it on stdout."""
    data(verdict(drill, figures, suite))
    data("")
    stages = (("(before)", figures.before, None), *((each.fault, each.during, each) for each in figures.effects))
    answers = ("fault", "1st success", "lost", "elsewhere", "rescued", "back in")
    table(answers, [_answers(name, stage, effect) for name, stage, effect in stages])
    data("")
    worth = ("fault", "1st token later by", "passed", "USD")
    table(worth, [_worth(name, stage, effect) for name, stage, effect in stages])


def verdict(drill: Drilled, figures: Figures, suite: str) -> str:
    """The drill in one sentence."""
    lost = sum(effect.during.lost.count for effect in figures.effects)
    total = sum(effect.during.lost.total for effect in figures.effects)
    slowest = max(figures.effects, key=lambda effect: _or_ever(effect.first_success_s))
    took = "never" if slowest.first_success_s is None else f"after {slowest.first_success_s:.2f} s"
    gone = [effect.fault for effect in figures.effects if effect.back_s is None]
    left_out = f"; it was not asked again in time after {', '.join(gone)}" if gone else ""
    return (
        f"'{drill.backend}' away from model '{drill.model}', {len(figures.effects)} "
        f"{'faults' if len(figures.effects) > 1 else 'fault'}, suite {suite}: "
        f"{lost} of {total} answers lost; the first success came at the latest {took} ({slowest.fault}){left_out}"
    )


def _or_ever(seconds: float | None) -> float:
    return float("inf") if seconds is None else seconds


def _answers(name: str, stage: Stage, effect: Effect | None) -> tuple[str, ...]:
    """Whether callers had answers, and whose."""
    first, back = "", ""
    if effect is not None:
        first = "never" if effect.first_success_s is None else f"{effect.first_success_s:.2f} s"
        back = "not in time" if effect.back_s is None else f"{effect.back_s:.1f} s"
    return name, first, f"{stage.lost.count} of {stage.lost.total}", str(stage.elsewhere), str(stage.rescued), back


def _worth(name: str, stage: Stage, effect: Effect | None) -> tuple[str, ...]:
    """What the answers were worth, and what they cost."""
    low, high = stage.passed.interval
    passed = f"{stage.passed.percent:.0f} % ({low:.0f} to {high:.0f})"
    return name, "" if effect is None else later(effect), passed, usd(stage)


def later(effect: Effect) -> str:
    """The added time to the first token, with its interval."""
    if effect.added is None:
        return "not known"
    bounds = effect.added.interval
    size, unit, form = (1000.0, "s", "+.1f") if effect.added.median_ms >= 1000 else (1.0, "ms", "+.0f")
    shown = "" if bounds is None else f" ({bounds[0] / size:{form}} to {bounds[1] / size:{form}})"
    return f"{effect.added.median_ms / size:{form}} {unit}{shown}"


def usd(stage: Stage) -> str:
    return "unknown" if stage.usd is None else f"{stage.usd:.4f}"
