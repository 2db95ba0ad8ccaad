"""What a drill comes to, from answers that are written down here."""

from __future__ import annotations

from decimal import Decimal

import pytest

from delivery.drill import figures
from delivery.drill.faults import FAULTS
from delivery.drill.figures import Limits, Share
from delivery.drill.playing import Asked, Outage, Outcome, Played
from delivery.quality.answer import Answer

OUTAGE = Outage(fault=FAULTS["refused"], shut_s=10, opened_s=20, back_s=25.5)


def asked(
    began_s: float,
    ended_s: float,
    *,
    case: str = "a",
    first_ms: float = 100,
    backend: str = "gpt",
    rescues: int = 0,
    failure: str = "",
    status: int = 200,
    usd: str | None = "0.001",
    passed: bool = True,
) -> Asked:
    answer = Answer(
        status=status, failure=failure, backend=backend, rescues=rescues, usd=usd, first_token_ms=first_ms, attempts=1
    )
    return Asked(case=case, began_s=began_s, ended_s=ended_s, answer=answer, passed=passed and not failure)


def played(*answers: Asked) -> Played:
    return Played(backend="gpt", asked=list(answers), outages=[OUTAGE])


def test_what_was_under_way_when_the_provider_went_away_was_asked_while_it_was_away() -> None:
    """An answer that began before and broke off is the fault's, not the time before's; so is one that began in it and ended after."""
    found = figures.of(
        played(asked(1, 2), asked(9, 11, failure="cut"), asked(12, 13), asked(19, 21), asked(21, 22), asked(26, 27))
    )
    [effect] = found.effects

    assert found.before.lost == Share(count=0, total=1)
    assert effect.during.lost == Share(count=1, total=3)
    assert effect.after.lost == Share(count=0, total=2)
    assert effect.back_s == 5.5


def test_the_first_success_is_of_an_answer_that_was_asked_for_after_the_fault() -> None:
    """Counted to its first content; one that was lost, or began before, is none."""
    found = figures.of(
        played(
            asked(1, 2),
            asked(9, 10.5, first_ms=500),
            asked(10.1, 10.2, failure="no"),
            asked(12, 14, first_ms=700, backend="b"),
        )
    )

    assert found.effects[0].first_success_s == pytest.approx(2.7)


def test_no_success_is_never() -> None:
    """Not a large number."""
    found = figures.of(played(asked(1, 2), asked(11, 12, failure="no", status=503)))

    assert found.effects[0].first_success_s is None
    assert Limits(first_success_s=1e6).broken(found) == ["refused: the first success never came, 1e+06 s are allowed"]


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (asked(1, 2), Outcome.DIRECT),
        (asked(1, 2, backend="b"), Outcome.ELSEWHERE),
        (asked(1, 2, backend="gpt", rescues=1), Outcome.RESCUED),
        (asked(1, 2, failure="503: away", status=503), Outcome.LOST),
        (asked(1, 2, failure="429: busy", status=429), Outcome.LOST),
        (asked(1, 2, failure="400: no such model", status=400), Outcome.DIRECT),
    ],
    ids=lambda each: "" if isinstance(each, Asked) else each,
)
def test_each_answer_has_one_outcome(answer: Asked, outcome: Outcome) -> None:
    """What the request itself is to blame for is no loss."""
    assert answer.outcome("gpt") is outcome


def test_a_case_counts_once_for_quality_and_every_answer_for_loss() -> None:
    """Callers go on asking while the last answers are awaited: the cases that came round again would weigh more."""
    found = figures.stage([asked(1, 2), asked(2, 3, passed=False), asked(1, 2, case="b", passed=False)], "gpt")

    assert found.passed == Share(count=1, total=2)
    assert found.lost.total == 3


def test_an_unknown_price_makes_the_sum_unknown() -> None:
    """Of an answer that came; a lost one has none to know."""
    assert figures.stage([asked(1, 2), asked(1, 2, failure="no", status=503, usd=None)], "gpt").usd == Decimal("0.001")
    assert figures.stage([asked(1, 2), asked(1, 2, usd=None)], "gpt").usd is None


def test_the_added_time_is_the_median_over_the_cases_that_both_have() -> None:
    """By case, so that a slow question is no slow provider; with an interval from six cases on."""
    before = [asked(1, 2, case=str(n), first_ms=100 * n) for n in range(1, 8)]
    away = [asked(11, 12, case=str(n), first_ms=100 * n + 10 * n) for n in range(1, 8)]
    found = figures.added(before, away)

    assert found is not None
    assert found.median_ms == pytest.approx(40)
    assert found.interval == pytest.approx((10, 70))
    few = figures.added(before[:3], away[:3])
    assert few is not None
    assert few.interval is None
    assert figures.added(before, []) is None


def test_shares_have_wilsons_interval() -> None:
    """The textbook's example: 8 of 10 is 49 to 94 %."""
    low, high = Share(count=8, total=10).interval

    assert (round(low), round(high)) == (49, 94)
    assert Share(count=0, total=0).interval == (0, 100)


def test_limits_are_broken_by_name() -> None:
    """Each says what it found and what was allowed; none is broken where none was set."""
    found = figures.of(
        played(asked(1, 2), asked(11, 12, first_ms=900), asked(12, 13, failure="no", status=503, passed=False))
    )

    assert Limits().broken(found) == []
    assert Limits(lost_percent=50, first_success_s=2, added_ms=800, quality_points=0).broken(found) == []
    assert Limits(lost_percent=49, first_success_s=1.5, added_ms=700).broken(found) == [
        "refused: 50.0 % of the answers were lost, 49 % may be",
        "refused: the first success took 1.90 s, 1.5 s are allowed",
        "refused: the added time to the first token was 800 ms, 700 ms are allowed",
    ]
