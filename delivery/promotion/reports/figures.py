"""A promotion's state as people read it: sentences, figures with their units, and what each statistic is held to."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from delivery.evidence import LOG_MEASURES

NONE = "–"
OUTCOMES: Mapping[str | None, str] = {
    "promoted": "Promoted: green is the stable version of {stack} and has all the traffic",
    "rolled_back": "Rolled back: blue has all the traffic of {stack}",
    "held": "Held: green keeps {share} % of the traffic of {stack} until somebody decides",
    None: "Under way: green has {share} % of the traffic of {stack}",
}
VERDICTS: Mapping[str | None, str] = {
    "promote": "promote",
    "roll_back": "roll back",
    "not_enough_evidence": "not enough evidence",
    "could_not_measure": "could not measure",
    None: "none yet",
}
# Of one measure, which alone does not promote.
MEASURE_VERDICTS: Mapping[str | None, str] = {**VERDICTS, "promote": "passes", "roll_back": "worse"}


def headline(state: Mapping[str, Any]) -> str:
    """The outcome, in a sentence without its full stop."""
    return OUTCOMES[state["outcome"]].format_map(state)


def settings(state: Mapping[str, Any]) -> Mapping[str, str]:
    """The settings in which green differs from blue."""
    return {key: str(value) for key, value in state["candidate"]["settings"].items()}


def unix_s(moment: str) -> float:
    """The Unix time of a moment that is written as in ISO 8601."""
    return datetime.fromisoformat(moment).timestamp()


def duration(seconds: float) -> str:
    """Such as 12 s, 4 min 05 s, 2 h 10 min."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min" + (f" {whole % 60:02} s" if whole % 60 else "")
    return f"{whole // 3600} h" + (f" {whole % 3600 // 60:02} min" if whole % 3600 >= 60 else "")


def number(value: float | None, digits: int = 4) -> str:
    """A number with so many significant digits, without an exponent; its minus sign is − and no hyphen."""
    if value is None:
        return NONE
    if value == int(value) or abs(value) >= 1000:
        return f"{value:,.0f}".replace("-", "−").replace(",", "\u202f")
    return f"{Decimal(f'{value:.{digits}g}'):f}".replace("-", "−")


def seconds(value: float) -> str:
    """A short time: in ms below a second."""
    return f"{number(value * 1000, 3)} ms" if value < 1 else f"{number(value, 3)} s"


def amount(measure: str, value: float) -> str:
    """A time, tokens or USD, by the measure's unit."""
    unit = LOG_MEASURES[measure]
    return seconds(value) if unit.is_time else f"{number(value, 3)} {unit.name}"


def seen(measure: Mapping[str, Any], side: str) -> str:
    """What was seen of one side, in one cell of a table."""
    figures = measure[side]
    if "bad" in figures:
        return f"{number(figures['bad'])} of {number(figures['attempts'])} ({figures['rate']:.2%})".replace("%", " %")
    if "geometric_mean" in figures:
        return amount(measure["name"], figures["geometric_mean"])
    units = {"values": "values", "requests": "requests", "passed_points": "% passed"}
    return ", ".join(f"{number(value)} {units.get(name, name)}" for name, value in figures.items()) or NONE


def spread(measure: Mapping[str, Any], side: str) -> str:
    """How many values a geometric mean is of, and how much they vary; empty for all else."""
    figures = measure[side]
    if "geometric_mean" not in figures:
        return ""
    return f"{number(figures['values'])} values, σ of ln {number(figures['log_sigma'], 3)}"


def rolls_back_at(measure: Mapping[str, Any]) -> str:
    """What the statistic must reach for green to be called worse."""
    limit, numbers = measure["roll_back_at"], measure["numbers"]
    if limit is None:
        return NONE
    if measure["name"] == "quality":
        return f"< {number(limit)} points"
    if "material" not in numbers:
        return f"≥ {number(limit)}"
    # The statistic is large for a green that is much better as well: the factor says which.
    return f"≥ {number(limit)} and a factor ≥ {number(numbers['material'])}: {number(numbers.get('ratio'), 3)}"


def passes_at(measure: Mapping[str, Any]) -> str:
    """What must hold for green to pass, and for bounds where they stand now."""
    limit, numbers = measure["pass_at"], measure["numbers"]
    if "margin" in numbers:
        bounds = [numbers[name] for name in ("upper", "upper_this_step") if numbers.get(name) is not None]
        now = f"at most {number(max(bounds))}" if bounds else "not known"
        return f"a factor < {number(numbers['margin'])}: {now}"
    if limit is None:
        return NONE
    if measure["name"] == "requests":
        return f"≥ {number(limit)}"
    rare = numbers.get("rare_statistic")
    return f"≤ {number(limit)}" + (f", or rare: {number(rare)}" if rare is not None else "")
