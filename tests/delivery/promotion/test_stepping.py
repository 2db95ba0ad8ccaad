"""The steps of a promotion over a switch and counters that a test breaks; the judging is the real one."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from typing import Any

import pytest

from delivery.evidence import Window
from delivery.platforms import readings
from delivery.platforms.metrics import MetricsError
from delivery.platforms.traffic import Split, TrafficError
from delivery.promotion import stepping
from delivery.promotion.command import course_of
from delivery.promotion.judging.steps import OnUndecided
from delivery.promotion.record import Change, Course, Promotion
from delivery.promotion.stepping import Ended, Stepping
from delivery.quality.side import Side
from delivery.quality.suite import load
from delivery.verdict import Verdict
from providers.machine.ports import free_port
from stacks.config import Rollout
from tests.delivery.platforms.fakes import FakeTraffic, TwoPositions
from tests.delivery.promotion.judging.made import counts

STEPS = (25, 50, 100)
PER_READING = 1000  # requests


class Busy:
    """Metrics that grow with each reading by what the split gives each side."""

    def __init__(self, traffic: FakeTraffic, *, slowness: float = 1.0) -> None:
        self._traffic = traffic
        self._slowness = slowness
        self._seen = {"blue": 0, "green": 0}
        self._readings: tuple[readings.Reading, ...] = ()
        self.is_lost = False

    def read(self, since_s: float) -> Window:
        if self.is_lost:
            raise MetricsError("the metrics of green cannot be read")
        split = self._traffic.split
        self._seen["blue"] += PER_READING * split.blue // 100
        self._seen["green"] += PER_READING * split.green // 100
        factors = {"first_token": self._slowness}
        told = {"b": counts(self._seen["blue"]), "g": counts(self._seen["green"], factors=factors)}
        self._readings = readings.added(self._readings, told, time.time())
        return readings.window(self._readings, since_s)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stepping, "READ_EVERY_S", 0)
    monkeypatch.setattr(Stepping, "_sample", lambda _: None)  # there is nobody to be asked


def promotion(**rollout: Any) -> Promotion:
    course = Course(steps=STEPS, max_bake_s=60, margin_points=10, on_undecided=OnUndecided.BLUE)
    return Promotion(
        id="1",
        stack="local",
        target="local",
        candidate=Change(),
        previous=None,
        blue="b",
        green="g",
        suite="smoke",
        rollout=replace(course, **rollout),
    )


class Drive:
    """One run of the steps, and every share that was set on the way."""

    def __init__(self, made: Promotion, traffic: FakeTraffic, metrics: Busy) -> None:
        self.promotion = made
        self.shares: list[int] = []
        self._traffic = traffic
        side = Side(name="green", url=f"http://127.0.0.1:{free_port()}")  # nobody listens there
        self.stepping = Stepping(
            promotion=made,
            sides={"blue": side, "green": side},
            traffic=traffic,
            metrics=metrics,
            suite=load("smoke"),
            judge=None,
            set_share=self._set,
            save=lambda: None,
            tell=lambda line: None,
        )

    def run(self) -> Ended:
        return self.stepping.run()

    def _set(self, share: int) -> None:
        self.promotion.share = share
        self.shares.append(share)
        self._traffic.set(Split(blue=100 - share, green=share))


def test_each_step_is_judged_by_requests_of_its_own() -> None:
    """What an earlier step has shown never lets the next one pass unseen."""
    traffic = FakeTraffic()
    drive = Drive(promotion(), traffic, Busy(traffic))
    ended = drive.run()
    assert (ended.verdict, drive.shares) == (Verdict.PROMOTE, [*STEPS])
    for step in drive.promotion.steps:
        last = step.judgement.windows[-1]
        assert (last.share, last.green.requests >= 100) == (step.share, True)


def test_a_slow_version_gets_no_more_and_the_measure_is_named() -> None:
    traffic = FakeTraffic()
    drive = Drive(promotion(), traffic, Busy(traffic, slowness=2))
    ended = drive.run()
    assert (ended.verdict, drive.shares) == (Verdict.ROLL_BACK, [25])
    assert "first_token" in ended.words


def test_without_metrics_it_waits_and_then_goes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stepping, "_is_alive", lambda url: True)
    traffic = FakeTraffic()
    metrics = Busy(traffic)
    metrics.is_lost = True
    drive = Drive(promotion(max_bake_s=0.2), traffic, metrics)
    ended = drive.run()
    assert (ended.verdict, drive.shares) == (Verdict.COULD_NOT_MEASURE, [25])


def test_a_green_that_answers_nobody_goes_at_once() -> None:
    traffic = FakeTraffic()
    metrics = Busy(traffic)
    metrics.is_lost = True
    ended = Drive(promotion(max_bake_s=3600), traffic, metrics).run()
    assert ended.verdict is Verdict.ROLL_BACK
    assert "green does not answer any more" in ended.words


def test_undecided_it_is_held_where_that_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stepping, "_is_alive", lambda url: True)
    traffic = FakeTraffic()
    metrics = Busy(traffic)
    metrics.is_lost = True
    ended = Drive(promotion(max_bake_s=0.2, on_undecided=OnUndecided.HOLD), traffic, metrics).run()
    assert (ended.is_held, traffic.split.green) == (True, 25)


def test_a_split_that_somebody_else_moved_stops_it() -> None:
    traffic = FakeTraffic()

    class Meddling(Busy):
        def read(self, since_s: float) -> Window:
            found = super().read(since_s)
            traffic.split = Split(blue=10, green=90)
            return found

    with pytest.raises(TrafficError, match="90 % for green, but 25 % was set"):
        Drive(promotion(), traffic, Meddling(traffic)).run()


def test_a_killed_promotion_goes_on_with_what_it_has_seen() -> None:
    """From the state alone: the step it was at, its counts, and no step is taken twice."""
    traffic = FakeTraffic()
    metrics = Busy(traffic)
    first = Drive(promotion(), traffic, metrics)
    first.run()
    state = first.promotion
    state.share, state.steps = 50, state.steps[:2]
    traffic.split = Split(blue=100, green=0)  # the kill came between the record and the switch
    again = Drive(state, traffic, metrics)
    assert again.run().verdict is Verdict.PROMOTE
    assert again.shares == [50, 100]


def test_what_was_counted_while_nobody_looked_counts() -> None:
    """Killed in the middle of a step and read from its record, the same window goes on."""
    traffic = FakeTraffic()
    metrics = Busy(traffic)
    drive = Drive(promotion(), traffic, metrics)
    drive.stepping._go(25)
    for _ in range(2):
        drive.stepping._look()
    metrics.read(0)  # time goes by
    text = json.dumps(drive.promotion.as_json())

    again = Drive(Promotion.from_json(json.loads(text)), traffic, metrics)
    again.stepping._look()

    seen = again.promotion.observation
    assert seen is not None
    assert (seen.problem, seen.counts["green"].requests) == ("", 2 * PER_READING * 25 // 100)


def test_a_platform_with_two_positions_is_promoted_in_its_own_steps(capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever config wants; and that is said before anything moves."""
    traffic = TwoPositions()

    course = course_of(Rollout(), traffic, "aws-ecs")
    drive = Drive(promotion(steps=course.steps), traffic, Busy(traffic))

    assert (
        capsys.readouterr().err
        == "the steps are 10, 100 %, not 5, 25, 50, 100 %: target 'aws-ecs' can make no others\n"
    )
    assert drive.run().verdict is Verdict.PROMOTE
    assert drive.shares == [10, 100]


def test_steps_that_the_platform_can_make_are_not_spoken_of(capsys: pytest.CaptureFixture[str]) -> None:
    course = course_of(Rollout(onUndecided="hold"), FakeTraffic(), "local")  # type: ignore[call-arg]
    assert (course.steps, course.on_undecided) == ((5, 25, 50, 100), OnUndecided.HOLD)
    assert capsys.readouterr().err == ""
