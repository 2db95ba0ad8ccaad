"""What every `Traffic` and every `Metrics` must do; a class per target fills in the harness and gets the tests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from delivery.evidence import BAD_KINDS, LOG_MEASURES, CounterReset, Moments
from delivery.platforms.metrics import Metrics, MetricsError
from delivery.platforms.traffic import Split, Traffic, TrafficError
from delivery.promotion.judging import observation
from tests.delivery.platforms.fakes import Counted


@dataclass(frozen=True, slots=True, kw_only=True)
class Switch:
    """A target's traffic at 0 % for green, and how a test breaks it."""

    traffic: Traffic
    hide: Callable[[], None]
    freeze: Callable[[], None]


class TrafficContract:
    """Override the fixture `switch`."""

    @pytest.mark.parametrize("green", [5, 25, 50, 100, 1, 99, 0])
    def test_what_is_set_is_read(self, switch: Switch, green: int) -> None:
        """In whole percent, up and down."""
        wanted = Split(blue=100 - green, green=green)

        switch.traffic.set(wanted)

        assert switch.traffic.read() == wanted

    def test_setting_the_same_again_is_no_error(self, switch: Switch) -> None:
        """A promotion that goes on after a kill repeats its last step."""
        for _ in range(2):
            switch.traffic.set(Split(blue=95, green=5))

        assert switch.traffic.read().green == 5

    def test_an_unreadable_split_is_an_error(self, switch: Switch) -> None:
        """Not a guess, and not 0."""
        switch.hide()

        with pytest.raises(TrafficError):
            switch.traffic.read()

    def test_nothing_is_set_where_it_cannot_be_read_back(self, switch: Switch) -> None:
        """The caller must know that the split is unknown."""
        switch.hide()

        with pytest.raises(TrafficError):
            switch.traffic.set(Split(blue=95, green=5))

    def test_a_write_that_did_not_take_is_an_error(self, switch: Switch) -> None:
        """The platform may answer ok, and do nothing."""
        switch.freeze()

        with pytest.raises(TrafficError):
            switch.traffic.set(Split(blue=75, green=25))

    def test_each_side_has_an_address_of_its_own(self, switch: Switch) -> None:
        """And a side that there is not is an error."""
        assert switch.traffic.address("blue") != switch.traffic.address("green")
        with pytest.raises(TrafficError):
            switch.traffic.address("purple")


class MetricsContract:
    """Override the fixtures `counted`, which the test feeds, and `metrics`, which reads it."""

    def test_tells_what_each_side_counted(self, counted: Counted, metrics: Metrics) -> None:
        """Since it began, by side; what never happened is 0."""
        counted.add("green", requests=7, cut=2, first_token=Moments(3, 30.0, 301.5))
        counted.add("blue", requests=100)

        read = metrics.read()

        assert (read["green"].requests, read["green"].attempts) == (7, 7)
        assert read["green"].bad == {**dict.fromkeys(BAD_KINDS, 0), "cut": 2}
        assert read["green"].logs == {**dict.fromkeys(LOG_MEASURES, Moments()), "first_token": Moments(3, 30.0, 301.5)}
        assert read["blue"].requests == 100

    def test_what_came_since_is_a_difference(self, counted: Counted, metrics: Metrics) -> None:
        """Counters, not rates."""
        counted.add("green", requests=7)
        before = metrics.read()["green"]
        counted.add("green", requests=5, cut=1)

        since = metrics.read()["green"] - before

        assert (since.requests, since.bad["cut"]) == (5, 1)

    def test_late_counts_arrive_whole_in_a_later_reading(self, counted: Counted, metrics: Metrics) -> None:
        """None is lost, none told twice, and no reading is half of it."""
        counted.add("green", requests=7)
        before = metrics.read()["green"]
        counted.is_late = True
        counted.add("green", requests=5, cut=1)

        early = metrics.read()["green"] - before
        counted.is_late = False
        late = metrics.read()["green"] - before

        assert (early.requests, early.bad["cut"]) == (0, 0)
        assert (late.requests, late.bad["cut"]) == (5, 1)

    def test_a_restart_shows(self, counted: Counted, metrics: Metrics) -> None:
        """Counters that fell are noticed by whoever subtracts."""
        counted.add("green", requests=7)
        before = metrics.read()["green"]
        counted.restart("green")

        after = metrics.read()["green"]
        with pytest.raises(CounterReset):
            after - before

    @pytest.mark.parametrize("side", ["blue", "green"])
    def test_a_side_that_is_missing_is_never_told_as_zero(self, counted: Counted, metrics: Metrics, side: str) -> None:
        """It is absent, or the reading is an error."""
        began = metrics.read()
        counted.lose(side)

        assert side in problem_with(metrics, began)


def problem_with(metrics: Metrics, began: observation.Reading) -> str:
    """What a promotion is told about the next reading."""
    try:
        read = metrics.read()
    except MetricsError as error:
        return str(error)
    return observation.observe(observation.begin(5, began), read, now_s=began["blue"].at_s, warm_up=0).problem
