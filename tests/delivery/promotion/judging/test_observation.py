"""What platforms tell becomes windows: after the warm-up, without what is stale, missing or was lost."""

from __future__ import annotations

import json

import pytest

from delivery.evidence import Counts, Window
from delivery.platforms import readings
from delivery.platforms.readings import Reading
from delivery.promotion.judging import observation
from delivery.promotion.judging.observation import Observation, begin, windows
from tests.delivery.promotion.judging.made import counts


def told(green: int, *, running: float = 0.5, blue: int | None = None) -> dict[str, Counts]:
    """Counters of both sides, blue with 19 times as many requests."""
    return {
        "blue": counts(19 * green if blue is None else blue, running=running),
        "green": counts(green, running=running),
    }


class Step:
    """A step that looks once a second at counters; 20 requests on green are the warm-up."""

    def __init__(self, first: dict[str, Counts], share: int = 5, before: Step | None = None) -> None:
        self._readings: tuple[Reading, ...] = before._readings if before else ()
        self.now_s: float = before.now_s if before else 0.0
        past = windows(before.seen) if before else ()
        self.seen: Observation = begin(share, self._window(first, self.now_s + 1), past)

    def look(self, counters: dict[str, Counts], *, age_s: float = 0.0) -> Observation:
        """At what is so old when it is told."""
        window = self._window(counters, self.seen.since_s)
        self.seen = observation.observe(self.seen, window, now_s=self.now_s + age_s, warm_up=20)
        return self.seen

    def _window(self, counters: dict[str, Counts], since_s: float) -> Window:
        self.now_s += 1
        self._readings = readings.added(self._readings, counters, self.now_s)
        return readings.window(self._readings, since_s)


def seen(*greens: int, share: int = 5) -> Step:
    """A step whose readings have so many requests on green."""
    step = Step(told(greens[0]), share)
    for green in greens[1:]:
        step.look(told(green))
    return step


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
    found = windows(seen(*greens).seen)

    assert [one.green.requests for one in found] == ([] if requests is None else [requests])
    assert all(one.blue and one.blue.requests == 19 * one.green.requests for one in found)


def test_windows_of_earlier_steps_are_kept() -> None:
    """Evidence adds up; each window has its own share."""
    second = Step(told(150), 25, before=seen(0, 50, 150))
    for green in (180, 300):
        second.look(told(green))

    assert [(one.share, one.green.requests) for one in windows(second.seen)] == [(5, 100), (25, 120)]


def test_a_reset_keeps_what_was_seen_and_warms_up_again() -> None:
    """A process started anew: the look says so, the next ones count from there."""
    step = seen(0, 50, 150)
    before = windows(step.seen)

    reset = step.look(told(5, blue=2900))
    later = step.look(told(30, blue=3000))
    latest = step.look(told(90, blue=4000))

    assert "green the counter of requests" in reset.problem
    assert windows(reset) == before
    assert later.problem == ""
    assert [one.green.requests for one in windows(latest)] == [100, 60]


def test_what_is_lost_keeps_what_was_seen_and_warms_up_again() -> None:
    """The platform cannot tell of the whole time any more: what it still knows is no window of ours."""
    step = seen(0, 50, 150)
    later = Window(since_s=step.seen.since_s + 600, counts=told(40))

    lost = observation.observe(step.seen, later, now_s=0, warm_up=20)

    assert lost.problem == "600 s of the metrics are lost"
    assert windows(lost) == windows(step.seen)
    assert (lost.warmed_up, lost.since_s) == (None, later.until_s)


def test_a_stale_reading_changes_nothing_but_says_so() -> None:
    """What the platform tells is older than it may be."""
    step = seen(0, 50, 150)
    before = windows(step.seen)

    stale = step.look(told(300), age_s=121)
    fresh = step.look(told(300), age_s=1)

    assert "121 s old" in stale.problem
    assert windows(stale) == before
    assert fresh.problem == ""
    assert windows(fresh)[0].green.requests == 250


@pytest.mark.parametrize("side", ["blue", "green"])
def test_a_side_without_metrics_is_a_problem(side: str) -> None:
    """On either side; nothing is taken for zero."""
    step = seen(0, 50, 150)
    before = windows(step.seen)

    after = step.look({name: found for name, found in told(300).items() if name != side})

    assert after.problem == f"there are no metrics of {side}"
    assert windows(after) == before


def test_a_first_deploy_has_no_blue_to_miss() -> None:
    """It was not there when the step began."""
    step = Step({"green": counts(0)}, 100)
    for green in (50, 150):
        step.look({"green": counts(green)})

    assert step.seen.problem == ""
    assert windows(step.seen)[0].blue is None


def test_running_requests_are_averaged_over_the_looks() -> None:
    """One look at a gauge says little."""
    step = Step(told(0))
    for green, running in ((50, 9.0), (100, 2.0), (150, 4.0)):
        step.look(told(green, running=running))

    assert windows(step.seen)[0].green.running == pytest.approx(3.0)


def test_the_warm_up_is_in_what_the_charts_show() -> None:
    """They show all since the step began, or began anew."""
    step = seen(100, 110, 150)
    warm = observation.since_began(step.seen)["green"].requests
    step.look(told(190))
    later = observation.since_began(step.seen)["green"].requests
    step.look(told(5))

    assert (warm, later, observation.since_began(step.seen)["green"].requests) == (50, 90, 0)


def test_an_observation_survives_a_file() -> None:
    """Killed and resumed, it goes on as if nothing had happened."""
    step = seen(0, 50, 150)
    for whole in (step.seen, step.look(told(4, blue=9000))):
        read = Observation.from_json(json.loads(json.dumps(whole.as_json())))

        assert read == whole
        assert windows(read) == windows(whole)
