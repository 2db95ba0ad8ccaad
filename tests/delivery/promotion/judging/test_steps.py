"""What a promotion does next: only one verdict raises the split, and nothing else ever does."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivery.promotion.judging import steps
from delivery.promotion.judging.steps import Do, OnUndecided
from delivery.verdict import Verdict

STEPS = st.lists(st.integers(1, 99), unique=True, max_size=6).map(lambda some: (*sorted(some), 100))
SECONDS = st.floats(0, 1e6)


@st.composite
def situations(draw: st.DrawFn) -> tuple[tuple[int, ...], int, Verdict, float, float, OnUndecided]:
    """Any steps, at any of them or before the first, with any verdict at any time."""
    made = draw(STEPS)
    share = draw(st.sampled_from((0, *made)))
    undecided = draw(st.sampled_from(OnUndecided))
    return made, share, draw(st.sampled_from(Verdict)), draw(SECONDS), draw(SECONDS), undecided


@given(situations())
def test_only_promote_raises_the_split(given: tuple[tuple[int, ...], int, Verdict, float, float, OnUndecided]) -> None:
    """And by one step; every other verdict leaves the split or takes all of it away."""
    made, share, verdict, elapsed_s, max_bake_s, undecided = given

    action = steps.decide(made, share, verdict, elapsed_s=elapsed_s, max_bake_s=max_bake_s, on_undecided=undecided)

    if verdict == Verdict.PROMOTE:
        assert action.share == min((step for step in made if step > share), default=100)
    else:
        assert action.share in (0, share)
        assert action.do not in (Do.GO, Do.FINISH)


@given(situations())
def test_roll_back_leads_to_zero_and_nothing_else_is_called_so(
    given: tuple[tuple[int, ...], int, Verdict, float, float, OnUndecided],
) -> None:
    """Whatever the step and the time."""
    made, share, verdict, elapsed_s, max_bake_s, undecided = given

    action = steps.decide(made, share, verdict, elapsed_s=elapsed_s, max_bake_s=max_bake_s, on_undecided=undecided)

    assert (action.do == Do.ROLL_BACK) <= (action.share == 0)
    if verdict == Verdict.ROLL_BACK:
        assert action.do == Do.ROLL_BACK


@given(STEPS)
def test_promotes_all_the_way_one_step_at_a_time(made: tuple[int, ...]) -> None:
    """Through every step, and finished at 100 only."""
    share, seen = 0, []
    for _ in made:
        action = steps.decide(made, share, Verdict.PROMOTE, elapsed_s=0, max_bake_s=1)
        share = action.share
        seen.append((action.do, share))

    assert seen == [(Do.GO, step) for step in made]
    assert steps.decide(made, 100, Verdict.PROMOTE, elapsed_s=0, max_bake_s=1).do == Do.FINISH


@pytest.mark.parametrize("verdict", [Verdict.NOT_ENOUGH_EVIDENCE, Verdict.COULD_NOT_MEASURE])
@pytest.mark.parametrize(
    ("elapsed_s", "undecided", "do", "share"),
    [
        (59, OnUndecided.BLUE, Do.WAIT, 25),
        (60, OnUndecided.BLUE, Do.ROLL_BACK, 0),
        (60, OnUndecided.HOLD, Do.HOLD, 25),
    ],
)
def test_what_is_not_known_waits_and_then_goes_back(
    verdict: Verdict, elapsed_s: float, undecided: OnUndecided, do: Do, share: int
) -> None:
    """Until maxBakeS; then to blue, unless it shall be held."""
    action = steps.decide((5, 25, 100), 25, verdict, elapsed_s=elapsed_s, max_bake_s=60, on_undecided=undecided)

    assert (action.do, action.share) == (do, share)


@pytest.mark.parametrize("wrong", [(), (5, 25), (0, 100), (25, 5, 100), (5, 5, 100), (-5, 100), (5, 150)])
def test_steps_that_do_not_rise_to_100_are_refused(wrong: tuple[int, ...]) -> None:
    """Before anything is decided by them."""
    with pytest.raises(ValueError, match="rise to 100"):
        steps.decide(wrong, 0, Verdict.PROMOTE, elapsed_s=0, max_bake_s=1)


def test_an_unknown_share_is_refused() -> None:
    """Somebody else moved the split: nothing follows from it."""
    with pytest.raises(ValueError, match="17 %"):
        steps.decide((5, 100), 17, Verdict.PROMOTE, elapsed_s=0, max_bake_s=1)


@pytest.mark.parametrize(("share", "last"), [(5, False), (25, False), (50, True), (100, True)])
def test_the_last_comparison_is_the_one_below_100(share: int, last: bool) -> None:
    """At 100 there is no blue to compare with."""
    assert steps.is_last_comparison((5, 25, 50, 100), share) == last
