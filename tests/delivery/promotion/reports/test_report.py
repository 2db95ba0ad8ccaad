"""The report shows every number that led to the verdict, and what models answered stays data."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

import pytest

from delivery.promotion.reports import chart, figures, report
from tests.delivery.promotion.reports import states

STATES = {"promoted": states.promoted, "rolled_back": states.rolled_back, "under_way": states.under_way}


class Page(HTMLParser):
    """The page as a browser reads it: its words, its tags, and every address that it would load."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.tags: list[str] = []
        self.loads: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.loads += [value or "" for name, value in attrs if name in ("src", "href", "action")]

    def handle_data(self, data: str) -> None:
        self.words += data.split()

    @property
    def text(self) -> str:
        return " ".join(self.words)


@pytest.fixture(params=STATES)
def state(request: pytest.FixtureRequest) -> dict[str, Any]:
    return STATES[request.param]()


def _leaves(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [leaf for each in value.values() for leaf in _leaves(each)]
    if isinstance(value, list | tuple):
        return [leaf for each in value for leaf in _leaves(each)]
    return [value]


def test_every_number_that_led_to_the_verdict_is_on_the_page(state: dict[str, Any]) -> None:
    """Statistics, thresholds, figures of both sides, and the counts of all windows, as they stand in the state."""
    words = Page(report.html(state)).words
    for step in state["steps"]:
        for measure in step["judgement"]["measures"]:
            numbers = [value for value in _leaves(measure) if isinstance(value, int | float)]
            assert {str(number) for number in numbers} <= set(words), measure["name"]
            assert " ".join(measure["words"].split()) in " ".join(words)
        for window in step["judgement"]["windows"]:
            for side in (window["blue"], window["green"]):
                counts = {name: side[name] for name in ("requests", "attempts", "bad", "logs")}
                assert {str(number) for number in _leaves(counts)} <= set(words)


def test_every_number_of_the_comparison_is_on_the_page() -> None:
    """Shares, bounds, margin and cases; bounds with a sign."""
    state = states.promoted()
    text, seen = Page(report.html(state)).text, state["comparison"]["comparison"]
    assert f"from {chart.signed(seen['lower_points'])} to {chart.signed(seen['upper_points'])}" in text
    assert f"{seen['blue_points']} %" in text
    assert f"{seen['green_points']} %" in text
    assert f"{seen['discordant']} of {seen['cases']} cases differ; {seen['cases_needed']} would decide" in text
    assert f"margin −{seen['margin_points']:g}" in text


def test_answers_are_data() -> None:
    """Nothing that a model answered becomes a tag, and it can be read as it was."""
    page = Page(report.html(states.promoted()))
    assert "script" not in page.tags
    assert "<script>alert('x')</script>" in page.text


def test_settings_and_words_are_data() -> None:
    """What a person typed, and what a server said, is escaped as well."""
    state = {**states.rolled_back(), "words": states.NASTY, "candidate": {"settings": {"systemPrompt": states.NASTY}}}
    assert "script" not in Page(report.html(state)).tags


def test_the_page_needs_no_network(state: dict[str, Any]) -> None:
    """It has its own style and drawings, loads nothing and runs nothing."""
    text = report.html(state)
    assert Page(text).loads == []
    assert "url(" not in text
    assert "@import" not in text


@pytest.mark.parametrize(
    ("make", "headline", "badge"),
    [
        (states.promoted, "Promoted: green is the stable version of local", "verdict: promote"),
        (states.rolled_back, "Rolled back: blue has all the traffic of local", "verdict: roll back"),
        (states.under_way, "Under way: green has 25 % of the traffic of local", "verdict: none yet"),
        (states.just_begun, "Under way: green has 0 % of the traffic of local", "verdict: none yet"),
    ],
)
def test_outcome_and_verdict_stand_first(make: Any, headline: str, badge: str) -> None:
    """In the heading and the line below it, before any card."""
    text = report.html(make())
    head = text[text.index("<h1>") : text.index('<div class="cards">')]
    assert headline in head
    assert badge in head
    assert headline in report.markdown(make()).splitlines()[0]


def test_answers_stand_side_by_side_green_losses_first() -> None:
    """Cases that green alone fails, then its gains, then those that both fail; what both pass is only counted."""
    text = report.html(states.promoted())
    assert re.findall(r"green is (worse|better)|(both) fail", text) == [
        *[("worse", "")] * 2,
        ("better", ""),
        *[("", "both")] * 7,
    ]
    assert "Both pass the other 110." in text


@pytest.mark.parametrize("make", [*STATES.values(), states.just_begun])
def test_markdown_tables_have_the_same_number_of_cells_in_each_row(make: Any) -> None:
    """Whatever bars, backticks and line ends the answers have."""
    tables = re.findall(r"(?:^\|.*\n)+", report.markdown(make()), re.MULTILINE)
    for table in tables:
        head, rule, *rows = [re.split(r"(?<!\\)\|", line)[1:-1] for line in table.splitlines()]
        assert {cell.strip() for cell in rule} == {"---"}
        assert {len(row) for row in (rule, *rows)} == {len(head)}


def test_markdown_holds_answers_as_code_that_they_cannot_end() -> None:
    """A fence longer than any in the answer, on one line."""
    text = report.markdown(states.promoted())
    assert "``green says: <script>alert('x')</script> \\| `tick` **bold** second line``" in text


def test_markdown_names_each_step_with_its_measures() -> None:
    """The statistic and what it is held to."""
    text = report.markdown(states.rolled_back())
    cut = next(line for line in reversed(text.splitlines()) if line.startswith("| cut "))
    assert "48 of 1\u202f150 (4.17 %)" in cut
    assert "≥ 5.373" in cut
    slow = next(line for line in reversed(text.splitlines()) if line.startswith("| first\\_token "))
    assert "≥ 5.394 and a factor ≥ 1.1: 1.3" in slow
    assert "| worse |" in cut


def test_the_stairs_follow_green_and_fall_when_it_is_taken_back() -> None:
    """In percent of the chart's height, from below; down from the moment of the decision."""
    drawn = chart.share_over_time(states.rolled_back())
    heights = [100 - float(top) for top in re.findall(r" ([\d.]+)", drawn["paths"][0]["d"])]
    turns = [now for before, now in zip([None, *heights], heights, strict=False) if now != before]
    assert turns == [0, 5, 25, 0]
    assert f"L{round(100 * 150 / 158, 2):g} 100" in drawn["paths"][0]["d"]
    assert [phase["name"] for phase in drawn["phases"]] == [
        "prepare",
        "deploy",
        "smoke",
        "compare",
        "traffic",
        "roll back",
    ]


def test_lines_break_where_the_share_changes() -> None:
    """Values are counted anew at each step, so that a line across would be no measurement."""
    state = states.promoted()
    drawn = chart.over_time(state["series"], lambda point, side: point["first_token_s"].get(side), figures.seconds)
    assert [path["colour"] for path in drawn["paths"]] == ["blue", "green", "blue", "green", "green"]
    assert [mark["label"] for mark in drawn["marks"]] == ["5 %", "25 %", "100 %"]


def test_the_interval_lies_between_its_bounds_on_the_axis_of_the_margin() -> None:
    """Left to right: margin, lower bound, difference, upper bound."""
    drawn = chart.interval(states.promoted()["comparison"]["comparison"])
    end = drawn["left"] + drawn["width"]
    assert 0 < drawn["margin"] < drawn["left"] < drawn["middle"] < drawn["zero"] < end < 100


@pytest.mark.parametrize(
    ("value", "written"),
    [(None, "–"), (0, "0"), (-3.90701, "−3.907"), (1234567, "1\u202f234\u202f567"), (0.0000123456, "0.00001235")],
)
def test_numbers_are_written_without_exponents(value: float | None, written: str) -> None:
    """Four digits, a minus sign that is one, thin spaces between thousands."""
    assert figures.number(value) == written


@pytest.mark.parametrize(
    ("seconds", "written"), [(0, "0 s"), (59.6, "1 min"), (65, "1 min 05 s"), (3600, "1 h"), (7800, "2 h 10 min")]
)
def test_durations_in_two_units_at_most(seconds: float, written: str) -> None:
    """As a person says them."""
    assert figures.duration(seconds) == written
