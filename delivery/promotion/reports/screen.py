"""What `promote --watch` shows of a state, in 24 lines where the measures allow it. Pure: a state in, something to print out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from delivery.promotion.record import Phase
from delivery.promotion.reports import figures

_STYLES: Mapping[str | None, str] = {
    "promote": "green",
    "roll_back": "bold red",
    "not_enough_evidence": "yellow",
    "could_not_measure": "magenta",
    None: "",
}
# Without colour the two sides still differ.
_BLOCKS = {"blue": "█", "green": "▒"}
_EIGHTHS = " ▁▂▃▄▅▆▇█"
_LABEL = 14  # columns before a chart
_WAY = tuple(phase for phase in Phase if phase is not Phase.ROLL_BACK)
_LANE = 2  # lines of one side's chart
_MEDIUM, _WIDE = 72, 116  # columns from which the statistic, and the figures of both sides, have room


def view(state: Mapping[str, Any], width: int, now_s: float) -> RenderableType:
    """Everything in `width` columns, nothing wrapped; `now_s` is Unix time."""
    parts: list[RenderableType] = [_title(state, now_s), _split(state["share"], width), *_phases(state, width)]
    if words := state["words"] or (state["history"] and state["history"][-1]["words"]):
        parts.append(_line((words, _STYLES[state["verdict"]])))
    if state["steps"]:
        parts.append(_measures(state["steps"][-1]["judgement"]["measures"], width))
    return Group(*parts, *_charts(state["series"], width - _LABEL - 1))


def _line(*parts: str | tuple[str, str]) -> Text:
    return Text.assemble(*parts, no_wrap=True, overflow="ellipsis")


def _title(state: Mapping[str, Any], now_s: float) -> Text:
    is_over = state["phase"] == Phase.DONE and state["updated_at"]
    until = figures.unix_s(state["updated_at"]) if is_over else now_s
    took = figures.duration(until - figures.unix_s(state["began_at"])) if state["began_at"] else ""
    return _line(
        (state["stack"], "bold"), " ", (state["blue"], "blue"), " → ", (state["green"], "green"), (f"  {took}", "dim")
    )


def _split(share: int, width: int) -> Text:
    """The split as a bar, in which a side that has any traffic has a block at least."""
    left, right = f"blue {100 - share:3} % ", f" {share:3} % green"
    room = width - len(left) - len(right)
    least = 1 if share > 0 else 0
    most = room - 1 if share < 100 else room
    green = min(max(round(room * share / 100), least), most)
    return _line(
        (left, "blue"),
        (_BLOCKS["blue"] * (room - green), "blue"),
        (_BLOCKS["green"] * green, "green"),
        (right, "green"),
    )


def _phases(state: Mapping[str, Any], width: int) -> list[Text]:
    """Each with a mark: done, under way, to come; a rollback instead of the adoption. As many lines as they need."""
    entered = {Phase.PREPARE, Phase.DONE, *(each["phase"] for each in state["history"])}
    is_back = Phase.ROLL_BACK in (state["phase"], *entered)
    names = [Phase.ROLL_BACK if is_back and name is Phase.ADOPT else name for name in _WAY]
    at = len(names) if state["phase"] == Phase.DONE else names.index(state["phase"])
    lines = [_line()]
    for place, name in enumerate(names):
        mark, style = _mark(place - at, is_skipped=is_back and name not in entered)
        word = f"{mark} {name.replace('_', ' ')}"
        if lines[-1].cell_len + 2 + len(word) > width:
            lines.append(_line())
        lines[-1].append(f"{'  ' if lines[-1] else ''}{word}", style)
    return lines


def _mark(ahead: int, *, is_skipped: bool) -> tuple[str, str]:
    """The mark, and its style, of a phase that is so many ahead of the present one."""
    if ahead > 0:
        return "·", "dim"
    if ahead == 0:
        return "●", "bold"
    return ("–", "dim") if is_skipped else ("✓", "green")


def _measures(measures: Sequence[Mapping[str, Any]], width: int) -> Table:
    sides = ("blue", "green") if width >= _WIDE else ()
    has_statistic = width >= _MEDIUM
    table = Table(box=None, pad_edge=False, header_style="bold", width=width)
    for name in ("measure", "verdict", *sides):
        table.add_column(name, no_wrap=True)
    if has_statistic:
        table.add_column("statistic", no_wrap=True, justify="right")
    table.add_column("why", no_wrap=True, overflow="ellipsis", ratio=1)
    for each in measures:
        table.add_row(
            each["name"].replace("_", " "),
            Text(figures.MEASURE_VERDICTS[each["verdict"]], style=_STYLES[each["verdict"]]),
            *(figures.seen(each, side) for side in sides),
            *([figures.number(each["statistic"], 3)] if has_statistic else []),
            each["words"],
        )
    return table


def _charts(series: Sequence[Mapping[str, Any]], width: int) -> list[Text]:
    """The last moments, a column each: the time to the first token of both sides in one scale, and requests a second."""
    last = series[-max(width, 1) :]
    first = {side: [point["first_token_s"].get(side) for point in last] for side in _BLOCKS}
    top = max((value for values in first.values() for value in values if value is not None), default=0.0)
    if top == 0.0:
        return []
    lines = [_line((f"to the first token, since the step began: 0 to {figures.seconds(top)}", "dim"))]
    for side, values in first.items():
        height = _LANE if width >= _MEDIUM else _LANE - 1  # there the phases take two lines
        lines += _lane(f"{side} {_last(values, figures.seconds)}", values, top, height, side)
    rates = _rates(series)[-max(width, 1) :]
    label = f"{_last(rates, lambda rate: figures.number(rate, 2))} req/s"
    return lines + _lane(label, rates, max((rate for rate in rates if rate), default=1.0), 1, "cyan")


def _last(values: Sequence[float | None], write: Callable[[float], str]) -> str:
    value = next((each for each in reversed(values) if each is not None), None)
    return figures.NONE if value is None else write(value)


def _lane(label: str, values: Sequence[float | None], top: float, height: int, style: str) -> list[Text]:
    """An area of so many lines, in steps of an eighth of a line; what is not known stays empty."""
    eighths = [0 if value is None else max(1, round(value / top * 8 * height)) for value in values]

    def row(below: int) -> str:
        return "".join(_EIGHTHS[min(8, max(0, each - 8 * below))] for each in eighths)

    rows = [row(below) for below in reversed(range(height))]
    labels = [label, *[""] * (height - 1)]
    return [_line((f"{name:{_LABEL}.{_LABEL}} {row}", style)) for name, row in zip(labels, rows, strict=True)]


def _rates(series: Sequence[Mapping[str, Any]]) -> list[float | None]:
    """Requests a second between a moment and the one before; unknown where counting began anew."""
    rates: list[float | None] = [None] if series else []
    for before, now in pairwise(series):
        count = sum(now["requests"].values()) - sum(before["requests"].values())
        passed_s = now["at"] - before["at"]
        rates.append(count / passed_s if count >= 0 and passed_s > 0 and now["share"] == before["share"] else None)
    return rates
