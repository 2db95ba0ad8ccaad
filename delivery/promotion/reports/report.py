"""A promotion's report, as one HTML file that needs no network and as Markdown. Pure: the state file's JSON in, text out."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from delivery.evidence import BAD_KINDS, LOG_MEASURES
from delivery.promotion.reports import chart, figures

_ANSWER_CELL = 160  # characters of an answer in a Markdown table
_LEVELS = ("alpha", "beta", "margin", "material", "rare", "rare_below")


def html(state: Mapping[str, Any]) -> str:
    """The whole page; what models answered is escaped like everything else."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    began = figures.unix_s(state["began_at"]) if state["began_at"] else 0.0
    compared = state["comparison"]
    return environment.get_template("report.html.jinja").render(
        state=state,
        figures=figures,
        signed=chart.signed,
        split=chart.share_over_time(state),
        history=[{**each, "after": figures.duration(figures.unix_s(each["at"]) - began)} for each in state["history"]],
        comparison=compared and compared["comparison"],
        interval=compared and chart.interval(compared["comparison"]),
        pairs=_telling_pairs(compared) if compared else [],
        telling_run=_telling_run,
        first_token=chart.over_time(state["series"], _first_token_s, figures.seconds),
        bad_events=chart.over_time(state["series"], _bad_percent, lambda percent: f"{figures.number(percent)} %"),
        kinds=BAD_KINDS,
        sizes=LOG_MEASURES,
        levels=_levels(state),
    )


def markdown(state: Mapping[str, Any]) -> str:
    """The report for a pull request: the outcome, the comparison and each step's measures; foreign text only as code."""
    lines = [
        f"# {_prose(figures.headline(state))}",
        "",
        f"Verdict: **{figures.VERDICTS[state['verdict']]}**. {_prose(state['words'])}",
        "",
        f"Blue {_code(state['blue'])}, green {_code(state['green'])}, which differs by "
        + ", ".join(f"{key} {_code(value)}" for key, value in figures.settings(state).items())
        + ".",
        "",
        *_table(
            ("when", "phase", "green", "what"),
            [
                (each["at"], each["phase"].replace("_", " "), f"{each['share']} %", _prose(each["words"]))
                for each in state["history"]
            ],
        ),
    ]
    if state["smoke"]:
        smoke = state["smoke"]
        lines += ["", f"Smoke suite: green passed {smoke['passed']} of {len(smoke['cases'])} cases."]
    if state["comparison"]:
        lines += _comparison_lines(state["comparison"])
    for step in state["steps"]:
        lines += _step_lines(step)
    return "\n".join(lines) + "\n"


def _comparison_lines(found: Mapping[str, Any]) -> list[str]:
    seen = found["comparison"]
    columns = ("cases", "differ", "blue", "green", "green − blue", "interval", "margin", "method")
    row = (
        str(seen["cases"]),
        str(seen["discordant"]),
        f"{seen['blue_points']} %",
        f"{seen['green_points']} %",
        f"{seen['difference_points']}",
        f"{seen['lower_points']} to {seen['upper_points']}",
        f"−{seen['margin_points']:g}",
        _prose(seen["method"]),
    )
    title = f"## Comparison: {figures.VERDICTS[seen['verdict']]}"
    lines = ["", title, "", f"{_prose(seen['words'])}.", "", *_table(columns, [row])]
    cases = [(_code(blue["id"]), _answered(blue), _answered(green)) for blue, green in _telling_pairs(found)]
    return lines + (["", *_table(("case", "blue", "green"), cases)] if cases else [])


def _step_lines(step: Mapping[str, Any]) -> list[str]:
    judgement = step["judgement"]
    columns = ("measure", "blue", "green", "statistic", "rolls back at", "passes at", "verdict", "why")
    rows = [
        (
            each["name"],
            figures.seen(each, "blue"),
            figures.seen(each, "green"),
            figures.number(each["statistic"]),
            figures.rolls_back_at(each),
            figures.passes_at(each),
            figures.MEASURE_VERDICTS[each["verdict"]],
            each["words"],
        )
        for each in judgement["measures"]
    ]
    verdict, took = figures.VERDICTS[judgement["verdict"]], figures.duration(step["seconds"])
    title = f"## Green at {step['share']} %: {verdict} after {took}"
    return ["", title, "", *_table(columns, [tuple(map(_prose, row)) for row in rows])]


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    cells = [columns, ["---"] * len(columns), *rows]
    return [f"| {' | '.join(row)} |" for row in cells]


def _prose(text: str) -> str:
    """A text escaped so that nothing in it is markup, nor ends a cell."""
    return re.sub(r"\s*[\r\n]\s*", " ", re.sub(r"([\\`*_\[\]<>|~])", r"\\\1", text)).strip()


def _code(text: str) -> str:
    """A code span, which nothing within it can end; tables want their bars escaped there too."""
    flat = " ".join(text.split()).replace("|", "\\|") or "–"
    fence = "`" * (1 + max(map(len, re.findall("`+", flat)), default=0))
    pad = " " if "`" in (flat[0], flat[-1]) else ""
    return f"{fence}{pad}{flat}{pad}{fence}"


def _answered(case: Mapping[str, Any]) -> str:
    run = _telling_run(case)
    text = run["failure"] or run["text"] or "(nothing)"
    shown = text if len(text) <= _ANSWER_CELL else text[:_ANSWER_CELL] + "…"
    return f"{'passed' if case['passed'] else 'failed'}: {_code(shown)}"


def _telling_run(case: Mapping[str, Any]) -> Mapping[str, Any]:
    """The first of a case's repeats that failed, else the first."""
    runs: Sequence[Mapping[str, Any]] = case["runs"]
    return next((run for run in runs if run["failed"] or run["failure"]), runs[0])


def _telling_pairs(found: Mapping[str, Any]) -> list[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """Cases that a side fails, (blue, green): green's losses first, then its gains, then those that both fail."""
    pairs = zip(found["blue"]["cases"], found["green"]["cases"], strict=False)
    telling = [(blue, green) for blue, green in pairs if not (blue["passed"] and green["passed"])]
    gains = [green["pass_share"] - blue["pass_share"] for blue, green in telling]
    ranked = list(zip(gains, telling, strict=True))
    return [
        *(pair for gain, pair in ranked if gain < 0),
        *(pair for gain, pair in ranked if gain > 0),
        *(pair for gain, pair in ranked if gain == 0),
    ]


def _first_token_s(point: Mapping[str, Any], side: str) -> float | None:
    found: float | None = point["first_token_s"].get(side)
    return found


def _bad_percent(point: Mapping[str, Any], side: str) -> float | None:
    """Of a side's requests since the step began: counts would only show who has more traffic."""
    requests = point["requests"].get(side)
    return 100.0 * point["bad"].get(side, 0) / requests if requests else None


def _levels(state: Mapping[str, Any]) -> dict[str, list[str]]:
    """The error rates that the measures were really held to, as they stand in their numbers."""
    numbers = [each["numbers"] for step in state["steps"] for each in step["judgement"]["measures"]]
    levels = {}
    for name in _LEVELS:
        levels[name] = sorted({str(each[name]) for each in numbers if each.get(name) is not None})
    return levels
