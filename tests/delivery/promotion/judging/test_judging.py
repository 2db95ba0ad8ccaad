"""The verdict on green: any metric alone rolls back, all must pass, and what is missing never promotes."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivery.evidence import BAD_KINDS, LOG_MEASURES, Counts, Moments, StepWindow
from delivery.promotion.judging.judge import Judgement, Measure, could_not_measure, judge
from delivery.promotion.judging.rules import Rules
from delivery.verdict import Verdict
from tests.delivery.promotion.judging.made import counts, moments, window

# More than a kind without any bad event needs.
GREEN = 600


def found(judgement: Judgement, name: str) -> Measure:
    """The measure of this name."""
    return next(measure for measure in judgement.measures if measure.name == name)


def without(side: Counts, name: str) -> Counts:
    """Counters of an app that lacks one metric."""
    return replace(
        side,
        bad={kind: count for kind, count in side.bad.items() if kind != name},
        logs={measure: seen for measure, seen in side.logs.items() if measure != name},
    )


def test_a_green_that_is_no_different_is_promoted() -> None:
    """Every measure passes, each with its numbers."""
    judgement = judge([window(counts(GREEN))])

    assert judgement.verdict == Verdict.PROMOTE
    assert [measure.name for measure in judgement.measures] == ["requests", *BAD_KINDS, *LOG_MEASURES]


@pytest.mark.parametrize("kind", BAD_KINDS)
def test_bad_events_on_green_alone_roll_back(kind: str) -> None:
    """Nine of them, where blue has none; eight are not enough."""
    nine, eight = (judge([window(counts(GREEN, bad={kind: bad}))]) for bad in (9, 8))

    assert nine.verdict == Verdict.ROLL_BACK
    assert found(nine, kind).verdict == Verdict.ROLL_BACK
    assert eight.verdict == Verdict.NOT_ENOUGH_EVIDENCE


def test_bad_events_that_hit_both_sides_alike_are_nobodys_fault() -> None:
    """Half of everything fails, on both sides: that is not green."""
    both = window(counts(GREEN, bad={"attempt_failed": 300}), counts(19 * GREEN, bad={"attempt_failed": 19 * 300}))

    assert found(judge([both]), "attempt_failed").verdict == Verdict.PROMOTE


@pytest.mark.parametrize("measure", sorted(LOG_MEASURES))
def test_a_size_that_is_30_percent_worse_rolls_back(measure: str) -> None:
    """Of any measure."""
    judgement = judge([window(counts(GREEN, factors={measure: 1.3}))])

    assert judgement.verdict == Verdict.ROLL_BACK
    assert found(judgement, measure).numbers["ratio"] == pytest.approx(1.3)


@pytest.mark.parametrize(
    ("factor", "requests", "verdict"),
    [
        (0.5, 600, Verdict.PROMOTE),
        (1.05, 600, Verdict.PROMOTE),
        (1.05, 60_000, Verdict.PROMOTE),
        (1.2, 100, Verdict.NOT_ENOUGH_EVIDENCE),
        (1.2, 60_000, Verdict.ROLL_BACK),
    ],
)
def test_what_is_hardly_worse_does_not_roll_back(factor: float, requests: int, verdict: Verdict) -> None:
    """Five percent more tokens is a fact for the report, however sure it is; better is always fine."""
    judgement = judge([window(counts(requests, factors={"tokens": factor}))])

    assert found(judgement, "tokens").verdict == verdict


@pytest.mark.parametrize("side", ["blue", "green"])
@pytest.mark.parametrize("name", [*BAD_KINDS, *sorted(LOG_MEASURES)])
def test_a_missing_metric_never_promotes(side: str, name: str) -> None:
    """On either side."""
    whole = window(counts(GREEN))

    assert whole.blue is not None
    blue = without(whole.blue, name) if side == "blue" else whole.blue
    green = without(whole.green, name) if side == "green" else whole.green

    judgement = judge([window(green, blue)])

    assert judgement.verdict == Verdict.COULD_NOT_MEASURE
    assert found(judgement, name).verdict == Verdict.COULD_NOT_MEASURE


def test_harm_outweighs_a_missing_metric() -> None:
    """What is known to be worse goes back, whatever else is not known."""
    green = without(counts(GREEN, bad={"cut": 30}), "usd")

    assert judge([window(green)]).verdict == Verdict.ROLL_BACK


@pytest.mark.parametrize(
    ("other", "verdict"),
    [
        (Measure(name="quality", verdict=Verdict.PROMOTE, words=""), Verdict.PROMOTE),
        (Measure(name="quality", verdict=Verdict.NOT_ENOUGH_EVIDENCE, words=""), Verdict.NOT_ENOUGH_EVIDENCE),
        (Measure(name="quality", verdict=Verdict.ROLL_BACK, words=""), Verdict.ROLL_BACK),
        (could_not_measure("metrics", "stale"), Verdict.COULD_NOT_MEASURE),
    ],
)
def test_what_was_judged_elsewhere_counts_as_any_other(other: Measure, verdict: Verdict) -> None:
    """Sampled quality, or metrics that cannot be read."""
    assert judge([window(counts(GREEN))], others=[other]).verdict == verdict


def test_before_the_warm_up_is_over_nothing_is_known() -> None:
    """No window is no evidence, and no reason to promote."""
    assert judge([]).verdict == Verdict.NOT_ENOUGH_EVIDENCE


def test_a_step_needs_requests_of_its_own() -> None:
    """What the step before knew is not enough for this one, neither in number nor in times."""
    before, here = window(counts(5_000)), window(counts(40), counts(120), share=25)

    judgement = judge([before, here])

    assert judgement.verdict == Verdict.NOT_ENOUGH_EVIDENCE
    assert {each.name for each in judgement.measures if each.verdict != Verdict.PROMOTE} == {
        "requests",
        "first_token",
        "between_tokens",
        "whole_answer",
        "tokens",
        "usd",
    }


def test_a_version_that_is_slow_only_under_more_traffic_does_not_pass() -> None:
    """Fast at 5 %, 30 % slower at 50 %: over both together it would look good enough."""
    slow = counts(300, factors={"first_token": 1.28})
    windows = [window(counts(20_000)), window(slow, counts(300), share=50)]

    assert found(judge(windows), "first_token").verdict == Verdict.NOT_ENOUGH_EVIDENCE


# Load


@pytest.mark.parametrize(
    ("running", "is_last", "factor", "verdict"),
    [
        ((0.9, 0.1), True, 1.0, Verdict.PROMOTE),  # nobody waits for anybody
        ((8.0, 7.0), True, 1.0, Verdict.PROMOTE),
        ((8.0, 0.5), True, 1.0, Verdict.NOT_ENOUGH_EVIDENCE),
        ((8.0, 0.5), False, 1.0, Verdict.PROMOTE),  # put off to a later step
        ((8.0, 0.5), True, 1.3, Verdict.ROLL_BACK),  # slower although it had less to do
    ],
)
def test_short_times_of_a_version_that_had_less_to_do_do_not_count(
    running: tuple[float, float], is_last: bool, factor: float, verdict: Verdict
) -> None:
    """(blue's, green's) requests at a time; tokens are judged all the same."""
    one = StepWindow(
        share=5,
        blue=counts(19 * GREEN, running=running[0]),
        green=counts(GREEN, running=running[1], factors={"first_token": factor}),
    )

    judgement = judge([one], is_last=is_last)

    assert found(judgement, "first_token").verdict == verdict
    assert found(judgement, "tokens").verdict == Verdict.PROMOTE


def test_a_slow_version_cannot_excuse_itself_by_what_piles_up_in_it() -> None:
    """As many requests as blue, but three times as many at a time: that is its slowness, not its load."""
    slow = StepWindow(
        share=50, blue=counts(GREEN, running=2), green=counts(GREEN, running=6, factors={"first_token": 3})
    )

    assert judge([slow]).verdict == Verdict.ROLL_BACK


def test_a_fast_version_is_not_held_to_have_had_less_to_do() -> None:
    """As many requests as blue, and three times as fast: that fewer are in it at a time is its merit."""
    fast = StepWindow(
        share=50, blue=counts(GREEN, running=6), green=counts(GREEN, running=2, factors={"first_token": 1 / 3})
    )

    assert found(judge([fast]), "first_token").verdict == Verdict.PROMOTE


def test_long_times_of_a_version_that_had_more_to_do_do_not_count() -> None:
    """Blue has four replicas, green one for the same traffic."""
    blue = replace(counts(GREEN, running=8), replicas=4)
    green = counts(GREEN, running=8, factors={"first_token": 1.5})

    measure = found(judge([StepWindow(share=50, blue=blue, green=green)]), "first_token")

    assert measure.verdict == Verdict.NOT_ENOUGH_EVIDENCE
    assert "8.0 requests at a time" in measure.words


# What not every request has


@pytest.mark.parametrize(
    ("blue_values", "green_values", "verdict"),
    [
        (0, 0, Verdict.PROMOTE),  # nobody streams
        (5_000, 0, Verdict.COULD_NOT_MEASURE),
        (0, 300, Verdict.COULD_NOT_MEASURE),
        (60, 2, Verdict.PROMOTE),  # half a percent of the requests: not waited for
        (60, 0, Verdict.PROMOTE),
        (1_000, 20, Verdict.NOT_ENOUGH_EVIDENCE),
        (4_000, 250, Verdict.PROMOTE),
    ],
)
def test_a_measure_that_only_some_requests_have(blue_values: int, green_values: int, verdict: Verdict) -> None:
    """Where one side lacks it that should have it, it cannot be compared."""
    blue = counts(19 * GREEN, logs={"usd": moments(blue_values)})
    green = counts(GREEN, logs={"usd": moments(green_values)})

    assert found(judge([window(green, blue)]), "usd").verdict == verdict


@pytest.mark.parametrize(("factor", "verdict"), [(1.0, Verdict.PROMOTE), (1.3, Verdict.ROLL_BACK)])
def test_pairs_of_the_same_prompt_decide_with_few_requests(factor: float, verdict: Verdict) -> None:
    """30 pairs, where 30 unpaired requests say nothing."""
    few = StepWindow(share=50, blue=counts(30), green=counts(30, factors={"first_token": factor}))
    pairs = {"first_token": moments(30, counts(1, factors={"first_token": factor}).logs["first_token"].mean - 12, 0.2)}

    paired, unpaired = judge([few], pairs=pairs), judge([few])

    assert found(paired, "first_token").verdict == verdict
    assert found(unpaired, "first_token").verdict == Verdict.NOT_ENOUGH_EVIDENCE


# Without a blue


@pytest.mark.parametrize(
    ("green", "verdict"),
    [
        (counts(1_000), Verdict.PROMOTE),
        (counts(1_000, bad={"cut": 30}), Verdict.ROLL_BACK),
        (counts(1_000, bad={"cut": 5}), Verdict.NOT_ENOUGH_EVIDENCE),
        (counts(100), Verdict.NOT_ENOUGH_EVIDENCE),
        (counts(1_000, logs={"first_token": moments(1_000, 17.0)}), Verdict.ROLL_BACK),  # e ** 17 microseconds: 24 s
        (counts(1_000, logs={"usd": Moments()}), Verdict.PROMOTE),
    ],
)
def test_a_first_deploy_is_held_to_absolute_limits(green: Counts, verdict: Verdict) -> None:
    """There is no blue at all."""
    assert judge([StepWindow(share=100, blue=None, green=green)]).verdict == verdict


@pytest.mark.parametrize(("bad", "verdict"), [(150, Verdict.PROMOTE), (330, Verdict.ROLL_BACK), (0, Verdict.PROMOTE)])
def test_at_100_percent_green_is_held_to_what_blue_did(bad: int, verdict: Verdict) -> None:
    """5 % of blue's attempts failed before; now 5 %, 11 % or none of green's do."""
    before = window(counts(5_000, bad={"attempt_failed": 250}), counts(5_000, bad={"attempt_failed": 250}), share=50)
    now = StepWindow(share=100, blue=counts(3), green=counts(3_000, bad={"attempt_failed": bad}))

    assert found(judge([before, now]), "attempt_failed").verdict == verdict


# As data


def test_a_judgement_is_plain_json_with_every_number() -> None:
    """Counts, statistics and what they were held to, alike in every measure."""
    told = json.loads(json.dumps(judge([window(counts(GREEN, bad={"cut": 2}))]).as_json(), allow_nan=False))

    cut = next(measure for measure in told["measures"] if measure["name"] == "cut")
    assert told["verdict"] == "not_enough_evidence"
    assert cut["green"] == {"attempts": 600, "bad": 2, "rate": pytest.approx(2 / 600, rel=1e-5)}
    assert cut["statistic"] < cut["roll_back_at"]
    assert cut["numbers"]["share"] == pytest.approx(0.05)
    assert told["windows"][0]["green"]["logs"]["tokens"]["count"] == GREEN


@st.composite
def sides(draw: st.DrawFn) -> Counts:
    """Any counters, some of them missing."""
    requests = draw(st.integers(0, 3_000))
    some = st.integers(0, max(requests // 10, 0))
    whole = counts(requests, bad={kind: draw(some) for kind in BAD_KINDS}, running=draw(st.floats(0, 50)))
    logs: dict[str, Moments] = {
        name: moments(draw(st.integers(0, requests)), draw(st.floats(0, 20)), draw(st.floats(0, 3)))
        for name in draw(st.sets(st.sampled_from(sorted(LOG_MEASURES))))
    }
    return replace(whole, logs={**whole.logs, **logs}) if draw(st.booleans()) else replace(whole, logs=logs)


@given(
    st.lists(
        st.builds(StepWindow, share=st.sampled_from([5, 50, 100]), blue=st.none() | sides(), green=sides()), max_size=3
    )
)
def test_any_counters_get_a_verdict_and_missing_ones_never_promote(windows: list[StepWindow]) -> None:
    """No counters make it fail, and JSON has no number that is none."""
    judgement: Any = judge(windows, rules=Rules(least_values=5, least_green_requests=1))

    json.dumps(judgement.as_json(), allow_nan=False)
    is_complete = all(side.logs.keys() == LOG_MEASURES.keys() for window in windows for side in window.sides)
    assert judgement.verdict != Verdict.PROMOTE or is_complete
