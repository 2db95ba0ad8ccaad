"""What a promotion does next, from its steps and a verdict; the only place that says green may have more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

from delivery.verdict import Verdict


class OnUndecided(StrEnum):
    """Where traffic goes when a step's time is over without a decision: `trimaran:rollout.onUndecided`."""

    BLUE = "blue"
    HOLD = "hold"


class Do(StrEnum):
    """What to do now."""

    WAIT = "wait"
    GO = "go"
    ROLL_BACK = "roll_back"
    HOLD = "hold"
    FINISH = "finish"


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """What to do, and green's percent of the traffic once it is done."""

    do: Do
    share: int
    words: str


def decide(
    steps: Sequence[int],
    share: int,
    verdict: Verdict,
    *,
    elapsed_s: float,
    max_bake_s: float,
    on_undecided: OnUndecided = OnUndecided.BLUE,
) -> Action:
    """Decide at `share` percent (0: before any traffic), `elapsed_s` after that share was set.

    Raises ValueError for steps that do not rise to 100, and for a share that is none of them.
    """
    check(steps)
    if share != 0 and share not in steps:
        raise ValueError(f"{share} % is none of the steps {', '.join(map(str, steps))}")
    if verdict == Verdict.ROLL_BACK:
        return Action(do=Do.ROLL_BACK, share=0, words="green is worse")
    if verdict == Verdict.PROMOTE:
        if share == 100:
            return Action(do=Do.FINISH, share=100, words="green is as good as blue with all the traffic")
        following = next(step for step in steps if step > share)
        return Action(do=Do.GO, share=following, words=f"green is as good as blue at {share} %")
    reason = "could not be measured" if verdict == Verdict.COULD_NOT_MEASURE else "is not known well enough"
    if elapsed_s < max_bake_s:
        return Action(do=Do.WAIT, share=share, words=f"green {reason} yet")
    if on_undecided == OnUndecided.HOLD:
        return Action(do=Do.HOLD, share=share, words=f"after {elapsed_s:.0f} s green {reason}: held here")
    return Action(do=Do.ROLL_BACK, share=0, words=f"after {elapsed_s:.0f} s green {reason}: back to blue")


def is_last_comparison(steps: Sequence[int], share: int) -> bool:
    """Whether no later step will have blue beside green."""
    return not any(share < step < 100 for step in steps)


def check(steps: Sequence[int]) -> None:
    """Raise ValueError unless the steps are whole percents that rise to 100."""
    rising = all(0 < earlier < later for earlier, later in pairwise(steps))
    if not steps or steps[0] <= 0 or steps[-1] != 100 or not rising:
        raise ValueError(f"steps must rise to 100, such as 5, 25, 50, 100; not {', '.join(map(str, steps)) or 'none'}")
