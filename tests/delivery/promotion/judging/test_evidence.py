"""Counters become windows by subtraction, windows add up, and both survive a file."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivery.evidence import LOG_MEASURES, CounterReset, Moments, StepWindow, Window, log_of, value_of
from tests.delivery.promotion.judging.made import counts, window

VALUES = st.lists(st.floats(0, 30), max_size=30)


def of(values: list[float]) -> Moments:
    """Count them as the app does."""
    return Moments(len(values), sum(values), sum(value * value for value in values))


@given(VALUES, VALUES)
def test_what_came_since_is_what_was_added(before: list[float], since: list[float]) -> None:
    """Moments of a stretch are those of its values, whatever came before."""
    found = of(before + since) - of(before)

    assert found.count == len(since)
    assert found.sum == pytest.approx(sum(since), abs=1e-6)
    assert found.squares == pytest.approx(of(since).squares, abs=1e-6)


@pytest.mark.parametrize(
    ("later", "which"),
    [
        (counts(9), "requests"),
        (replace(counts(10), attempts=9), "attempts"),
        (counts(11, bad={"cut": 1}), "cut"),
        (counts(12, bad={"cut": 2}, logs={"usd": Moments()}), "usd"),
    ],
)
def test_a_counter_that_went_down_is_a_restart(later: object, which: str) -> None:
    """Any of them tells it, and the message says which."""
    with pytest.raises(CounterReset, match=which):
        later - counts(10, bad={"cut": 2})  # type: ignore[operator]


def test_what_a_reading_lacks_is_not_taken_for_zero() -> None:
    """A kind or measure that only one of two readings has is absent from the window."""
    since = counts(20) - replace(counts(10), bad={"cut": 0}, logs={})

    assert since.bad == {"cut": 0}
    assert since.logs == {}


def test_stretches_of_time_add_up() -> None:
    """Counts are summed; gauges and the time are those of the later one, and nothing is made up."""
    first = replace(counts(10, bad={"cut": 2}, running=3.0, at_s=1.0), logs={"usd": Moments(1, 2.0, 4.0)})
    later = counts(5, bad={"cut": 1}, running=1.0, at_s=9.0, logs={"usd": Moments(2, 3.0, 5.0)})

    whole = first + later

    assert (whole.requests, whole.attempts, whole.bad["cut"], whole.running, whole.at_s) == (15, 15, 3, 1.0, 9.0)
    assert whole.logs == {"usd": Moments(3, 5.0, 9.0)}


def test_a_window_ends_where_all_of_it_is_known() -> None:
    """The revision that is known least far says so; without any it has not begun."""
    window = Window(since_s=5.0, counts={"b": counts(1, at_s=9.0), "g": counts(1, at_s=7.0)})
    assert window.until_s == 7.0
    assert Window(since_s=5.0, counts={}).until_s == 5.0


def test_a_window_by_sides_has_what_there_is() -> None:
    """Other revisions are left out, and an absent side stays absent."""
    window = Window(since_s=0.0, counts={"g": counts(1), "old": counts(2)}, restarts={"g": "fell", "old": "fell"})
    found = window.by_side({"blue": "b", "green": "g"})
    assert (found.counts, found.restarts) == ({"green": counts(1)}, {"green": "fell"})


@pytest.mark.parametrize("blue", [None, counts(1000)])
def test_a_window_survives_a_file(blue: object) -> None:
    """A promotion that was killed goes on from what it wrote."""
    made = StepWindow(share=5, blue=blue, green=window(counts(50, bad={"cut": 3})).green)  # type: ignore[arg-type]

    assert StepWindow.from_json(json.loads(json.dumps(made.as_json()))) == made


@given(st.sampled_from(sorted(LOG_MEASURES)), st.floats(0, 1e5))
def test_logarithms_are_turned_back(measure: str, value: float) -> None:
    """In seconds, tokens and USD."""
    assert value_of(measure, log_of(measure, value)) == pytest.approx(value)
    assert log_of(measure, value) >= 0
