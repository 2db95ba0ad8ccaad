"""Green takes traffic step by step: set the split, read the counters, judge, and go on only when the verdict says so."""

from __future__ import annotations

import time
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from delivery.evidence import Counts, Moments, StepWindow, value_of
from delivery.platforms.local import Platform
from delivery.platforms.metrics import MetricsError
from delivery.platforms.traffic import TrafficError
from delivery.promotion import sampling
from delivery.promotion.judging import observation, steps
from delivery.promotion.judging.judge import Judgement, judge
from delivery.promotion.judging.measure import Measure, could_not_measure
from delivery.promotion.judging.observation import Observation
from delivery.promotion.judging.rules import RULES
from delivery.promotion.judging.steps import Action, Do, OnUndecided
from delivery.promotion.record import Promotion
from delivery.quality.side import Side
from delivery.quality.suite import Suite
from delivery.verdict import Verdict

READ_EVERY_S = 1.0
TELL_EVERY_S = 15.0
DEAD_AFTER = 3  # readings in a row in which green did not answer at all


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """What the steps came to."""

    verdict: Verdict
    words: str
    is_held: bool = False


@dataclass(slots=True, kw_only=True)
class Stepping:
    """The steps of one promotion, from the one where it stands."""

    promotion: Promotion
    platform: Platform
    suite: Suite
    judge: Side | None
    set_share: Callable[[int], None]
    save: Callable[[], None]
    tell: Callable[[str], None]
    _quality: Measure | None = field(default=None, init=False)
    _comparison: dict[str, Any] | None = field(default=None, init=False)
    _silent: int = field(default=0, init=False)
    _told_at: float = field(default=0.0, init=False)
    _round: int = field(default=0, init=False)

    def run(self) -> Ended:
        """Raises TrafficError where the split is not what was set."""
        promotion = self.promotion
        ladder = promotion.rollout["steps"]
        if promotion.share in ladder:
            if promotion.observation is not None and self._seen.share != promotion.share:
                self._close_step()
            self.set_share(promotion.share)  # a kill may have come between the record and the switch
        else:
            self._go(ladder[0])
        while True:
            judgement = self._look()
            action = self._decide(judgement, ladder)
            self.save()
            if action.do is Do.GO:
                self.tell(f"{promotion.share:3} %     {action.words}")
                self._go(action.share)
            elif action.do is Do.WAIT:
                self._wait(judgement)
            else:
                return _ended(action, judgement, promotion.share)

    def _go(self, share: int) -> None:
        """To the next step, where everything is counted anew; what was seen before still counts for the judgement."""
        promotion = self.promotion
        self._close_step()
        self.set_share(share)
        promotion.step_began_at = time.time()
        self._quality, self._comparison = None, None
        promotion.note(f"green takes {share} %")
        self.tell(f"{share:3} %     green takes {share} % of the requests")

    def _close_step(self) -> None:
        """What was seen so far becomes the past; the next reading begins a step."""
        if self.promotion.observation is not None:
            self.promotion.past = [window.as_json() for window in observation.windows(self._seen)]
            self.promotion.observation = None

    @property
    def _past(self) -> tuple[StepWindow, ...]:
        return tuple(StepWindow.from_json(window) for window in self.promotion.past)

    @property
    def _seen(self) -> Observation:
        assert self.promotion.observation is not None
        return Observation.from_json(self.promotion.observation)

    def _look(self) -> Judgement:
        """One reading, and what all readings together say."""
        promotion = self.promotion
        found = self.platform.traffic.read()
        if found.green != promotion.share:
            raise TrafficError(f"the split is {found.green} % for green, but {promotion.share} % was set")
        others: list[Measure] = []
        try:
            reading = self.platform.metrics.read()
        except MetricsError as error:
            others.append(self._unread(str(error).partition("\n")[0]))
        else:
            self._silent = 0
            self._observe(reading)
            if promotion.observation is not None and (problem := self._seen.problem):
                others.append(could_not_measure("metrics", problem))
        self._sample()
        others += [self._quality] if self._quality else []
        windows = observation.windows(self._seen) if promotion.observation else self._past
        if windows and windows[-1].share != promotion.share:  # what was seen of earlier steps says nothing of this one
            others.append(_waiting(f"green is still warming up at {promotion.share} %"))
        judgement = judge(
            windows,
            others=others,
            pairs={name: _moments(moments) for name, moments in promotion.pairs.items()} or None,
            is_last=steps.is_last_comparison(promotion.rollout["steps"], promotion.share),
        )
        promotion.judged(promotion.share, judgement.as_json(), self._comparison, self._elapsed_s)
        return judgement

    def _observe(self, reading: Mapping[str, Counts]) -> None:
        promotion = self.promotion
        if promotion.observation is None:
            seen = observation.begin(promotion.share, reading, self._past)
        else:
            seen = observation.observe(self._seen, reading, now_s=time.time(), warm_up=RULES.warm_up_requests)
        promotion.observation = seen.as_json()
        promotion.add_point(_point(promotion, seen, reading))

    def _unread(self, words: str) -> Measure:
        """Counters that cannot be read let green have no more; a green that answers nobody has to go."""
        self._silent = 0 if _is_alive(self.platform.sides["green"].url) else self._silent + 1
        if self._silent < DEAD_AFTER:
            return could_not_measure("metrics", words)
        return Measure(name="alive", verdict=Verdict.ROLL_BACK, words="green does not answer any more")

    def _sample(self) -> None:
        """Once a step a sample of the suite is put to both sides; where there is little traffic, again and again."""
        promotion = self.promotion
        if promotion.share == 100 and not promotion.low_traffic:
            return
        if self._quality is None:
            part, seed = sampling.SAMPLE, f"{promotion.id} {promotion.share}"
        elif promotion.low_traffic:
            part, seed = sampling.ROUND, f"{promotion.id} {promotion.share} {time.time_ns()}"
        else:
            return
        blue, green = sampling.ask_both(self.platform.sides, sampling.sample(self.suite, part, seed), self.judge)
        if self._quality is None:
            self._quality, seen = sampling.quality(blue, green, promotion.rollout["margin_points"])
            self._comparison = seen.as_json()
        if promotion.low_traffic:
            for name, more in sampling.pairs(blue, green).items():
                total = _moments(promotion.pairs.get(name, [0, 0.0, 0.0])) + more
                promotion.pairs[name] = [total.count, total.sum, total.squares]

    @property
    def _elapsed_s(self) -> float:
        return time.time() - (self.promotion.step_began_at or time.time())

    def _decide(self, judgement: Judgement, ladder: list[int]) -> Action:
        rollout = self.promotion.rollout
        return steps.decide(
            ladder,
            self.promotion.share,
            judgement.verdict,
            elapsed_s=self._elapsed_s,
            max_bake_s=rollout["max_bake_s"],
            on_undecided=OnUndecided(rollout["on_undecided"]),
        )

    def _wait(self, judgement: Judgement) -> None:
        if time.monotonic() - self._told_at > TELL_EVERY_S:
            self._told_at = time.monotonic()
            open_ = [each.name for each in judgement.measures if each.verdict is not Verdict.PROMOTE]
            self.tell(f"{self.promotion.share:3} %     waiting for {', '.join(open_)}")
        if not self.promotion.low_traffic:
            time.sleep(READ_EVERY_S)


def _waiting(words: str) -> Measure:
    return Measure(name="warm_up", verdict=Verdict.NOT_ENOUGH_EVIDENCE, words=words)


def _moments(numbers: list[float]) -> Moments:
    return Moments(int(numbers[0]), numbers[1], numbers[2])


def _ended(action: Action, judgement: Judgement, share: int) -> Ended:
    if action.do is Do.FINISH:
        return Ended(verdict=Verdict.PROMOTE, words=action.words)
    verdict = judgement.verdict
    reasons = [f"{each.name}: {each.words}" for each in judgement.measures if each.verdict is verdict]
    words = f"at {share} % {action.words} ({'; '.join(reasons)})"
    return Ended(verdict=verdict, words=words, is_held=action.do is Do.HOLD)


def _point(promotion: Promotion, seen: Observation, reading: Mapping[str, Counts]) -> dict[str, Any]:
    """A moment of the charts: what both sides have done since the step began."""
    since = {side: reading[side] for side in reading}
    base = seen.began
    requests = {side: counts.requests - base[side].requests for side, counts in since.items() if side in base}
    bad = {
        side: sum(counts.bad.values()) - sum(base[side].bad.values()) for side, counts in since.items() if side in base
    }
    first: dict[str, float] = {}
    for side, counts in since.items():
        moments = counts.logs.get("first_token", Moments()) - base[side].logs.get("first_token", Moments())
        if moments.count > 0:
            first[side] = value_of("first_token", moments.mean)
    return {
        "at": round(time.time(), 1),
        "share": promotion.share,
        "requests": requests,
        "bad": bad,
        "first_token_s": first,
        "verdict": promotion.steps[-1]["judgement"]["verdict"] if promotion.steps else None,
    }


def _is_alive(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/health/live", timeout=3):
            return True
    except OSError:
        return False
