"""What every platform's parts must do: traffic, metrics, and the store of records; a class each fills in a harness and gets the tests."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from delivery.evidence import BAD_KINDS, LOG_MEASURES, Moments, Window
from delivery.platforms.metrics import Metrics, MetricsError
from delivery.platforms.records import AlreadyRunning, RecordStore, TakenOver
from delivery.platforms.traffic import Split, Traffic, TrafficError
from delivery.promotion.judging import observation, steps
from tests.delivery.platforms.fakes import REVISIONS, Counted

WANTED = ((5, 25, 50, 100), (1, 99, 100), (100,))


@dataclass(frozen=True, slots=True, kw_only=True)
class Switch:
    """A target's traffic at 0 % for green, and how a test breaks it."""

    traffic: Traffic
    hide: Callable[[], None]
    freeze: Callable[[], None]

    @property
    def step(self) -> Split:
        """One that it can make."""
        return at(self.traffic.ladder((5, 100))[0])


class TrafficContract:
    """Override the fixture `switch`."""

    @pytest.mark.parametrize("wanted", WANTED)
    def test_every_step_of_its_ladder_can_be_set_and_read(self, switch: Switch, wanted: tuple[int, ...]) -> None:
        """In whole percent, up and down; the ladder ends with everything and rises."""
        ladder = switch.traffic.ladder(wanted)
        steps.check(ladder)
        for green in (*ladder, *reversed(ladder), 0):
            switch.traffic.set(at(green))
            assert switch.traffic.read() == at(green)

    def test_a_ladder_that_it_can_make_stays_as_it_is(self, switch: Switch) -> None:
        """So that a promotion that goes on finds its step."""
        for wanted in WANTED:
            ladder = switch.traffic.ladder(wanted)
            assert switch.traffic.ladder(ladder) == ladder

    def test_setting_the_same_again_is_no_error(self, switch: Switch) -> None:
        """A promotion that goes on after a kill repeats its last step."""
        for _ in range(2):
            switch.traffic.set(switch.step)

        assert switch.traffic.read() == switch.step

    def test_an_unreadable_split_is_an_error(self, switch: Switch) -> None:
        """Not a guess, and not 0."""
        switch.hide()

        with pytest.raises(TrafficError):
            switch.traffic.read()

    def test_nothing_is_set_where_it_cannot_be_read_back(self, switch: Switch) -> None:
        """The caller must know that the split is unknown."""
        switch.hide()

        with pytest.raises(TrafficError):
            switch.traffic.set(switch.step)

    def test_a_write_that_did_not_take_is_an_error(self, switch: Switch) -> None:
        """The platform may answer ok, and do nothing."""
        switch.freeze()

        with pytest.raises(TrafficError):
            switch.traffic.set(switch.step)


class MetricsContract:
    """Override the fixtures `counted`, which the test feeds, and `reader`, which makes another one that reads it."""

    @pytest.fixture
    def metrics(self, reader: Callable[[], Metrics]) -> Metrics:
        """One of them."""
        return reader()

    def test_tells_what_each_revision_counted(self, counted: Counted, metrics: Metrics) -> None:
        """Since a time; what never happened is 0."""
        counted.add("green", requests=3)
        began = now(metrics)
        counted.add("green", requests=7, cut=2, first_token=Moments(3, 30.0, 301.5))
        counted.add("blue", requests=100)

        window = metrics.read(began.since_s)

        green, blue = window.counts[REVISIONS["green"]], window.counts[REVISIONS["blue"]]
        assert (green.requests, green.attempts) == (7, 7)
        assert green.bad == {**dict.fromkeys(BAD_KINDS, 0), "cut": 2}
        assert green.logs == {**dict.fromkeys(LOG_MEASURES, Moments()), "first_token": Moments(3, 30.0, 301.5)}
        assert blue.requests == 100
        assert window.restarts == {}

    def test_a_window_says_of_what_time_it_is(self, metrics: Metrics) -> None:
        """It begins no sooner than it was asked for, and the same time can be asked for again."""
        asked_s = time.time()
        first = metrics.read(asked_s)
        second = metrics.read(first.since_s)

        assert asked_s <= first.since_s == second.since_s
        assert first.until_s <= second.until_s <= time.time()

    def test_windows_of_one_beginning_grow(self, counted: Counted, metrics: Metrics) -> None:
        """Nothing is told to one reading only."""
        began = now(metrics)
        seen = []
        for _ in range(3):
            counted.add("green", requests=5, cut=1)
            seen.append(metrics.read(began.since_s).counts[REVISIONS["green"]])

        assert [(each.requests, each.bad["cut"]) for each in seen] == [(5, 1), (10, 2), (15, 3)]

    def test_the_next_window_begins_where_one_ended(self, counted: Counted, metrics: Metrics) -> None:
        """What was in the one is not in the other, and nothing falls between them."""
        began = now(metrics)
        counted.add("green", requests=7)
        first = metrics.read(began.since_s)
        counted.add("green", requests=5)

        second = metrics.read(first.until_s)

        assert [each.counts[REVISIONS["green"]].requests for each in (first, second)] == [7, 5]

    def test_late_counts_arrive_whole_in_a_later_window(self, counted: Counted, metrics: Metrics) -> None:
        """None is lost, none told twice, and no reading is half of it."""
        began = now(metrics)
        counted.is_late = True
        counted.add("green", requests=5, cut=1)

        early = metrics.read(began.since_s).counts[REVISIONS["green"]]
        counted.is_late = False
        late = metrics.read(began.since_s).counts[REVISIONS["green"]]

        assert (early.requests, early.bad["cut"]) == (0, 0)
        assert (late.requests, late.bad["cut"]) == (5, 1)

    def test_whoever_takes_over_reads_the_same(self, counted: Counted, reader: Callable[[], Metrics]) -> None:
        """A reader that was killed in the middle takes nothing with it."""
        began = now(reader())
        counted.add("green", requests=7)
        reader().read(began.since_s)
        counted.add("green", requests=5)

        assert reader().read(began.since_s).counts[REVISIONS["green"]].requests == 12

    def test_a_restart_shows(self, counted: Counted, metrics: Metrics) -> None:
        """And what the process counts from then on does not get lost; the next window is clean again."""
        began = now(metrics)
        counted.add("green", requests=7)
        metrics.read(began.since_s)
        counted.restart("green")
        counted.add("green", requests=5)

        window = metrics.read(began.since_s)
        counted.add("green", requests=3)
        after = metrics.read(window.until_s)

        assert set(window.restarts) == {REVISIONS["green"]}
        assert window.counts[REVISIONS["green"]].requests == 12
        assert (after.restarts, after.counts[REVISIONS["green"]].requests) == ({}, 3)

    @pytest.mark.parametrize("side", ["blue", "green"])
    def test_a_side_that_is_missing_is_never_told_as_zero(self, counted: Counted, metrics: Metrics, side: str) -> None:
        """It is absent, or the reading is an error."""
        began = now(metrics)
        counted.lose(side)

        assert side in problem_with(metrics, began)


@dataclass(frozen=True, slots=True, kw_only=True)
class Runners:
    """`store` is how another command sees the record; `dies` holds it, saves a text, and is killed; `kept` is what a record
    says that was set aside.
    """

    store: Callable[[], RecordStore]
    dies: Callable[[str], None]
    kept: Callable[[str], str]


class RecordContract:
    """Override the fixture `runners`."""

    def test_before_the_first_promotion_there_is_none(self, runners: Runners) -> None:
        assert runners.store().load() is None
        assert not runners.store().is_held()

    def test_what_one_saved_any_other_reads(self, runners: Runners) -> None:
        """While it is held too: that is how one watches."""
        with runners.store().hold() as hold:
            hold.save("one")
            hold.save("two ✓")
            assert runners.store().load() == "two ✓"
        assert runners.store().load() == "two ✓"

    def test_two_exclude_each_other(self, runners: Runners) -> None:
        """The second is told at once; the first is not disturbed."""
        with runners.store().hold() as hold:
            with pytest.raises(AlreadyRunning, match="a promotion of stack 'local' is running"), runners.store().hold():
                raise AssertionError("both hold it")
            assert runners.store().is_held()
            hold.save("still mine")
        assert runners.store().load() == "still mine"

    def test_looking_whether_it_is_held_takes_nothing(self, runners: Runners) -> None:
        assert not runners.store().is_held()
        with runners.store().hold() as hold:
            hold.save("one")

    def test_one_after_the_other_may_hold_it(self, runners: Runners) -> None:
        """Also after one that ended with an error."""
        with pytest.raises(ValueError, match="broken"), runners.store().hold():
            raise ValueError("broken")
        with runners.store().hold() as hold:
            hold.save("next")
        assert not runners.store().is_held()

    def test_another_goes_on_for_one_that_was_killed(self, runners: Runners) -> None:
        """With what that one saved last."""
        runners.dies("half way")
        store = runners.store()
        with store.hold() as hold:
            assert store.load() == "half way"
            hold.save("done")
        assert runners.store().load() == "done"

    def test_the_right_ends_with_the_block(self, runners: Runners) -> None:
        """Nobody writes without it, not even by mistake."""
        with runners.store().hold() as hold:
            hold.save("mine")
        with pytest.raises(TakenOver):
            hold.save("too late")
        with pytest.raises(TakenOver):
            hold.set_aside()
        assert runners.store().load() == "mine"

    def test_a_record_can_be_set_aside(self, runners: Runners) -> None:
        """It is kept, and the next one is another."""
        with runners.store().hold() as hold:
            hold.save("nonsense")
            aside = hold.set_aside()
            assert runners.store().load() is None
            hold.save("anew")
        assert runners.store().load() == "anew"
        assert runners.kept(aside) == "nonsense"


def at(green: int) -> Split:
    return Split(blue=100 - green, green=green)


def now(metrics: Metrics) -> Window:
    """A window that begins with this moment."""
    return metrics.read(time.time())


def problem_with(metrics: Metrics, began: Window) -> str:
    """What a promotion is told about the next reading."""
    try:
        window = metrics.read(began.since_s)
    except MetricsError as error:
        return str(error)
    seen = observation.begin(5, began.by_side(REVISIONS))
    return observation.observe(seen, window.by_side(REVISIONS), now_s=time.time(), warm_up=0).problem
