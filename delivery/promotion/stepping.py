"""Green takes traffic step by step: set the split, read what was counted, judge, and go on only when the verdict says so."""

from __future__ import annotations

import time
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from delivery.evidence import Counts, Moments, Window, value_of
from delivery.platforms.metrics import Metrics, MetricsError
from delivery.platforms.traffic import Traffic, TrafficError
from delivery.promotion import sampling
from delivery.promotion.judging import observation, steps
from delivery.promotion.judging.judge import Judgement, judge
from delivery.promotion.judging.measure import Measure, could_not_measure
from delivery.promotion.judging.observation import Observation
from delivery.promotion.judging.rules import RULES
from delivery.promotion.judging.steps import Action, Do
from delivery.promotion.record import Point, Promotion
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
    sides: Mapping[str, Side]
    traffic: Traffic
    metrics: Metrics
    suite: Suite
    judge: Side | None
    set_share: Callable[[int], None]
    save: Callable[[], None]
    tell: Callable[[str], None]
    _quality: Measure | None = field(default=None, init=False)
    _comparison: dict[str, Any] | None = field(default=None, init=False)
    _silent: int = field(default=0, init=False)
    _told_at: float = field(default=0.0, init=False)

    def run(self) -> Ended:
        """Take step after step until the verdict ends it. Raises TrafficError where the split is not what was set."""
        promotion = self.promotion
        ladder = promotion.rollout.steps
        if promotion.share in ladder:
            if promotion.observation is not None and promotion.observation.share != promotion.share:
                self._close_step()
            self.set_share(promotion.share)  # a kill may have come between the record and the switch
        else:
            self._go(ladder[0])
        while True:
            judgement = self._look()
            action = self._decide(judgement)
            self.save()
            if action.do is Do.GO:
                self.tell(f"{promotion.share:3} %     {action.words}")
                self._go(action.share)
            elif action.do is Do.WAIT:
                self._wait(judgement)
            else:
                return _ended(action, judgement, promotion.share)

    def _go(self, share: int) -> None:
        """Begin the next step, in which everything is counted anew; what was seen before still counts for the judgement."""
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
            self.promotion.past = observation.windows(self.promotion.observation)
            self.promotion.observation = None

    def _look(self) -> Judgement:
        """One reading, and what all readings together say."""
        promotion = self.promotion
        found = self.traffic.read()
        if found.green != promotion.share:
            raise TrafficError(f"the split is {found.green} % for green, but {promotion.share} % was set")
        others: list[Measure] = []
        seen = promotion.observation
        try:
            window = self.metrics.read(seen.since_s if seen else time.time()).by_side(promotion.revisions)
        except MetricsError as error:
            others.append(self._unread(str(error).partition("\n")[0]))
        else:
            self._silent = 0
            seen = self._observed(window)
            if seen.problem:
                others.append(could_not_measure("metrics", seen.problem))
        self._sample()
        others += [self._quality] if self._quality else []
        windows = observation.windows(seen) if seen else promotion.past
        if windows and windows[-1].share != promotion.share:  # what was seen of earlier steps says nothing of this one
            others.append(_waiting(f"green is still warming up at {promotion.share} %"))
        judgement = judge(
            windows,
            others=others,
            pairs=promotion.pairs or None,
            is_last=steps.is_last_comparison(promotion.rollout.steps, promotion.share),
        )
        promotion.judged(judgement, self._comparison, self._elapsed_s)
        return judgement

    def _observed(self, window: Window) -> Observation:
        promotion = self.promotion
        if promotion.observation is None:
            seen = observation.begin(promotion.share, window, promotion.past)
        else:
            seen = observation.observe(promotion.observation, window, now_s=time.time(), warm_up=RULES.warm_up_requests)
        promotion.observation = seen
        promotion.add_point(_point(promotion, observation.since_began(seen)))
        return seen

    def _unread(self, words: str) -> Measure:
        """What cannot be read lets green have no more; a green that answers nobody has to go."""
        self._silent = 0 if _is_alive(self.sides["green"]) else self._silent + 1
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
        blue, green = sampling.ask_both(self.sides, sampling.sample(self.suite, part, seed), self.judge)
        if self._quality is None:
            self._quality, seen = sampling.quality(blue, green, promotion.rollout.margin_points)
            self._comparison = seen.as_json()
        if promotion.low_traffic:
            more = sampling.pairs(blue, green)
            known = {name: promotion.pairs.get(name, Moments()) + moments for name, moments in more.items()}
            promotion.pairs = {**promotion.pairs, **known}

    @property
    def _elapsed_s(self) -> float:
        return time.time() - (self.promotion.step_began_at or time.time())

    def _decide(self, judgement: Judgement) -> Action:
        course = self.promotion.rollout
        return steps.decide(
            course.steps,
            self.promotion.share,
            judgement.verdict,
            elapsed_s=self._elapsed_s,
            max_bake_s=course.max_bake_s,
            on_undecided=course.on_undecided,
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


def _ended(action: Action, judgement: Judgement, share: int) -> Ended:
    if action.do is Do.FINISH:
        return Ended(verdict=Verdict.PROMOTE, words=action.words)
    verdict = judgement.verdict
    reasons = [f"{each.name}: {each.words}" for each in judgement.measures if each.verdict is verdict]
    words = f"at {share} % {action.words} ({'; '.join(reasons)})"
    return Ended(verdict=verdict, words=words, is_held=action.do is Do.HOLD)


def _point(promotion: Promotion, counts: Mapping[str, Counts]) -> Point:
    first = {side: each.logs.get("first_token", Moments()) for side, each in counts.items()}
    return Point(
        at=round(time.time(), 1),
        share=promotion.share,
        requests={side: each.requests for side, each in counts.items()},
        bad={side: sum(each.bad.values()) for side, each in counts.items()},
        first_token_s={
            side: value_of("first_token", moments.mean) for side, moments in first.items() if moments.count > 0
        },
        verdict=promotion.steps[-1].judgement.verdict if promotion.steps else None,
    )


def _is_alive(side: Side) -> bool:
    request = urllib.request.Request(f"{side.url}/health/live", headers=dict(side.headers))
    try:
        with urllib.request.urlopen(request, timeout=3):
            return True
    except OSError:
        return False
