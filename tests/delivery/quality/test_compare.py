"""The comparison: four verdicts, and the rates at which each is wrong."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from delivery.quality import tango
from delivery.quality.compare import cases_needed, compare
from delivery.verdict import Verdict
from tests.delivery.quality.results import evaluation, passes

PROMOTE, ROLL_BACK = Verdict.PROMOTE, Verdict.ROLL_BACK
UNDECIDED, UNMEASURED = Verdict.NOT_ENOUGH_EVIDENCE, Verdict.COULD_NOT_MEASURE


@pytest.mark.parametrize(
    ("counts", "verdict"),
    [
        (((60, 1, 1), (40, 0, 0)), PROMOTE),
        (((55, 1, 1), (5, 1, 0), (5, 0, 1), (35, 0, 0)), PROMOTE),
        (((30, 1, 1), (30, 1, 0), (40, 0, 0)), ROLL_BACK),
        (((50, 1, 1), (10, 1, 0), (3, 0, 1), (37, 0, 0)), UNDECIDED),
        (((12, 1, 1), (8, 0, 0)), UNDECIDED),
        (((100, 0, 1),), UNMEASURED),
    ],
    ids=["equal", "discordant", "worse", "perhaps worse", "too few", "blue passes nothing"],
)
def test_verdicts(counts: tuple[tuple[int, float, float], ...], verdict: Verdict) -> None:
    """At a margin of ten points."""
    assert compare(*passes(*counts), 10).verdict is verdict


def test_too_few_cases_say_how_many_would_do() -> None:
    """In the sentence and as a number: 6.18 ψ / margin² with ψ = 20 %."""
    comparison = compare(*passes((10, 1, 1), (2, 1, 0), (2, 0, 1), (6, 0, 0)), 10)

    assert (comparison.verdict, comparison.discordant, comparison.cases) == (UNDECIDED, 4, 20)
    assert comparison.cases_needed == 124
    assert "about 124 cases would do, these were 20" in comparison.words


def test_other_cases_are_no_comparison() -> None:
    """Neither another suite nor another number of cases."""
    blue = evaluation([[1]] * 50)

    assert compare(blue, evaluation([[1]] * 50, digest="other"), 10).verdict is UNMEASURED
    assert compare(blue, evaluation([[1]] * 49), 10).verdict is UNMEASURED


def test_repeats_are_one_observation() -> None:
    """Ten repeats of twelve cases decide no more than twelve cases do."""
    once, often = evaluation([[1]] * 12), evaluation([[1] * 10] * 12)

    assert compare(often, often, 10).as_json() == compare(once, once, 10).as_json()
    assert compare(often, often, 10).verdict is UNDECIDED


def test_averaged_repeats_are_compared_by_students_t() -> None:
    """Half of forty cases fail half of the time: mean -0.25, s = 0.25318, and s/√40 · t₀.₉₅ of 39 degrees, 1.68488, is 0.06745."""
    blue, green = evaluation([[1, 1]] * 40), evaluation([[1, 1]] * 20 + [[1, 0]] * 20)

    comparison = compare(blue, green, 10)

    assert comparison.method.startswith("paired t")
    assert comparison.difference_points == -25
    assert comparison.upper_points == pytest.approx(-25 + 6.745, abs=0.001)
    assert comparison.verdict is ROLL_BACK


def test_scores_all_alike_are_no_certainty() -> None:
    """Without any spread t would be certain after two cases."""
    alike = evaluation([[0.7]] * 10, graded=True)

    assert compare(alike, alike, 10).verdict is UNDECIDED


def test_weights_count() -> None:
    """A failure of a case that weighs nine times as much is nine times as bad."""
    weights = [1.0] * 99 + [9.0]
    blue = evaluation([[1]] * 100, weights=weights)

    light = compare(blue, evaluation([[0]] + [[1]] * 99, weights=weights), 10)
    heavy = compare(blue, evaluation([[1]] * 99 + [[0]], weights=weights), 10)

    assert heavy.difference_points == pytest.approx(9 * light.difference_points)


@pytest.mark.parametrize(
    ("margin", "discordance", "cases"), [(0.1, 0.1, 62), (0.05, 0.1, 248), (0.05, 0.2, 495), (0.03, 0.1, 688)]
)
def test_how_many_cases(margin: float, discordance: float, cases: int) -> None:
    """Ten points need a hundred at most, five 250 to 500, three about 700."""
    assert cases_needed(discordance, margin) == pytest.approx(cases, abs=2)


def test_without_discord_the_needed_cases_are_just_enough() -> None:
    """One less is undecided."""
    needed = cases_needed(0, 0.1)

    assert compare(*passes((needed, 1, 1)), 10).verdict is PROMOTE
    assert compare(*passes((needed - 1, 1, 1)), 10).verdict is UNDECIDED


def _promoted(cases: int, psi: float, difference: float, margin: float, trials: int = 4000) -> float:
    """The share of simulated comparisons that promote a green that is better by ``difference``."""
    random = np.random.default_rng(20261124)
    better, worse = (psi + difference) / 2, (psi - difference) / 2
    counts = random.multinomial(cases, [better, worse, 1 - psi], size=trials)
    kinds, times = np.unique(counts[:, :2], axis=0, return_counts=True)
    good = [tango.bounds(int(b), int(w), cases, 0.95)[0] > -margin for b, w in kinds]
    return float(np.dot(good, times) / trials)


def test_power_and_error_rates() -> None:
    """As docs/quality.md says: 80 % power at the number of cases it names, 90 % at 100 cases and ψ = 10 %, 5 % wrong promotions."""
    power = _promoted(cases_needed(0.1, 0.05), 0.1, 0, 0.05)
    hundred = _promoted(100, 0.1, 0, 0.1)
    wrong = _promoted(100, 0.2, -0.1, 0.1)
    sys.stdout.write(f"power {power:.3f}, at 100 cases {hundred:.3f}, false promotions {wrong:.3f}\n")

    assert power == pytest.approx(0.8, abs=0.03)
    assert hundred >= 0.88
    assert wrong <= 0.06


def test_twenty_cases_promote_nothing_worse() -> None:
    """Where a percentile bootstrap without discordant pairs gives [0, 0] and promotes 36 % of what is 5 points worse."""
    assert _promoted(20, 0.05, -0.05, 0.1) == 0
    assert pytest.approx(0.36, abs=0.01) == 0.95**20  # how often there is no discordant pair
