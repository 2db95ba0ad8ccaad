"""Readings become windows: after the warm-up, without what is stale, missing or was reset."""

from __future__ import annotations

import json

import pytest

from delivery.evidence import Counts
from delivery.promotion.judging import observation
from delivery.promotion.judging.observation import Observation, begin, windows
from tests.delivery.promotion.judging.made import counts


def reading(green: int, *, running: float = 0.5, at_s: float = 0.0, blue: int | None = None) -> dict[str, Counts]:
    """Both sides, blue with 19 times as many requests."""
    return {
        "blue": counts(19 * green if blue is None else blue, running=running, at_s=at_s),
        "green": counts(green, running=running, at_s=at_s),
    }


def seen(*greens: int, share: int = 5) -> Observation:
    """A step whose readings have so many requests on green; 20 are the warm-up."""
    made = begin(share, reading(greens[0]))
    for green in greens[1:]:
        made = observation.observe(made, reading(green), now_s=0, warm_up=20)
    return made


@pytest.mark.parametrize(
    ("greens", "requests"),
    [
        ([1000, 1010, 1019], None),
        ([1000, 1010, 1020], None),
        ([1000, 1010, 1025, 1100], 75),
        ([1000, 1500, 1600], 100),
        ([1000, 1500, 1600, 1600], 100),
    ],
)
def test_the_window_begins_with_the_first_reading_after_the_warm_up(greens: list[int], requests: int | None) -> None:
    """For both sides at the same moment, so that they are of the same time."""
    found = windows(seen(*greens))

    assert [one.green.requests for one in found] == ([] if requests is None else [requests])
    assert all(one.blue and one.blue.requests == 19 * one.green.requests for one in found)


def test_windows_of_earlier_steps_are_kept() -> None:
    """Evidence adds up; each window has its own share."""
    first = seen(0, 50, 150)

    second = begin(25, reading(150), windows(first))
    for green in (180, 300):
        second = observation.observe(second, reading(green), now_s=0, warm_up=20)

    assert [(one.share, one.green.requests) for one in windows(second)] == [(5, 100), (25, 120)]


def test_a_reset_keeps_what_was_seen_and_warms_up_again() -> None:
    """A process started anew: the look says so, the next ones count from there."""
    before = seen(0, 50, 150)

    reset = observation.observe(before, reading(5, blue=2900), now_s=0, warm_up=20)
    later = observation.observe(reset, reading(30, blue=3000), now_s=0, warm_up=20)
    latest = observation.observe(later, reading(90, blue=4000), now_s=0, warm_up=20)

    assert "green the counter of requests" in reset.problem
    assert windows(reset) == windows(before)
    assert later.problem == ""
    assert [one.green.requests for one in windows(latest)] == [100, 60]


def test_a_stale_reading_changes_nothing_but_says_so() -> None:
    """What the platform tells is older than it may be."""
    before = seen(0, 50, 150)

    stale = observation.observe(before, reading(300, at_s=0), now_s=121, warm_up=20)
    fresh = observation.observe(stale, reading(300, at_s=120), now_s=121, warm_up=20)

    assert "121 s old" in stale.problem
    assert windows(stale) == windows(before)
    assert fresh.problem == ""
    assert windows(fresh)[0].green.requests == 250


@pytest.mark.parametrize("side", ["blue", "green"])
def test_a_side_without_metrics_is_a_problem(side: str) -> None:
    """On either side; nothing is taken for zero."""
    before = seen(0, 50, 150)
    rest = {name: found for name, found in reading(300).items() if name != side}

    after = observation.observe(before, rest, now_s=0, warm_up=20)

    assert after.problem == f"there are no metrics of {side}"
    assert windows(after) == windows(before)


def test_a_first_deploy_has_no_blue_to_miss() -> None:
    """It was not there when the step began."""
    made = begin(100, {"green": counts(0)})
    for green in (50, 150):
        made = observation.observe(made, {"green": counts(green)}, now_s=0, warm_up=20)

    assert made.problem == ""
    assert windows(made)[0].blue is None


def test_running_requests_are_averaged_over_the_looks() -> None:
    """One look at a gauge says little."""
    made = begin(5, reading(0))
    for green, running in ((50, 9.0), (100, 2.0), (150, 4.0)):
        made = observation.observe(made, reading(green, running=running), now_s=0, warm_up=20)

    assert windows(made)[0].green.running == pytest.approx(3.0)


def test_an_observation_survives_a_file() -> None:
    """Killed and resumed, it goes on as if nothing had happened."""
    whole = observation.observe(seen(0, 50, 150), reading(4, blue=9000), now_s=0, warm_up=20)

    read = Observation.from_json(json.loads(json.dumps(whole.as_json())))

    assert read == whole
    assert windows(read) == windows(whole)
