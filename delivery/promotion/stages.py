"""The stages of a promotion, each safe to begin again after a kill: what was done is seen, and not done twice."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import stamina

from delivery import deployment, state
from delivery.engine import engine_for
from delivery.failure import ExitCode, Failure
from delivery.platforms.platform import Address, BothSides
from delivery.platforms.records import Hold, TakenOver
from delivery.platforms.traffic import Split, TrafficError
from delivery.promotion import record
from delivery.promotion.record import Outcome, Phase, Promotion
from delivery.promotion.stepping import Stepping
from delivery.quality.command import judge_of
from delivery.quality.compare import compare
from delivery.quality.evaluation import Evaluation
from delivery.quality.run import evaluate
from delivery.quality.side import Side
from delivery.quality.store import PATH as ANSWERS
from delivery.quality.store import Store
from delivery.quality.suite import Suite, load
from delivery.stack_file import StackFile
from delivery.verdict import Verdict

SMOKE = "smoke"
ENGINE_ENDS_S = 120.0  # an engine whose `promote` was killed ends in order, as slowly as an app may start


@dataclass(slots=True, kw_only=True)
class Stages:
    """Drives one promotion, whose record it holds. `tell` says a line, `show` is handed the state whenever it changed."""

    root: Path
    promotion: Promotion
    hold: Hold
    concurrency: int
    tell: Callable[[str], None]
    show: Callable[[Promotion], None] = lambda _: None
    _both: BothSides | None = field(default=None, init=False)

    def run(self) -> Promotion:
        """Drive the promotion to its end, from wherever it stands. Raises Failure where somebody has to look first."""
        stages: Mapping[Phase, Callable[[], None]] = {
            Phase.PREPARE: self._prepare,
            Phase.DEPLOY: self._deploy,
            Phase.SMOKE: self._smoke,
            Phase.COMPARE: self._compare,
            Phase.TRAFFIC: self._traffic,
            Phase.ADOPT: self._adopt,
            Phase.ROLL_BACK: self.roll_back,
        }
        while not self.promotion.is_over and self.promotion.outcome is not Outcome.HELD:
            self.save()
            stages[self.promotion.phase]()
        self.save()
        return self.promotion

    def save(self) -> None:
        record.save(self.hold, self.promotion)
        self.show(self.promotion)

    def _enter(self, phase: Phase, words: str) -> None:
        self.promotion.enter(phase, words)
        self.tell(f"{phase.replace('_', ' '):10}{words}")
        self.save()

    def _prepare(self) -> None:
        self._enter(Phase.DEPLOY, "green starts beside blue, without traffic")

    def _deploy(self) -> None:
        file = StackFile(root=self.root, stack=self.promotion.stack)
        file.write({"candidate": self.promotion.candidate.as_json()})
        outputs = brought_up(self.root, self.promotion.stack, self.tell)
        if outputs["revision"] != self.promotion.green or outputs["stable_revision"] != self.promotion.blue:
            self._back(
                Verdict.COULD_NOT_MEASURE,
                f"what was deployed is {outputs['stable_revision']} and {outputs['revision']}: the source tree or the "
                "config has changed since this promotion began",
            )
            return
        self._both = self._take_stock(outputs)
        self._set(0)
        self._enter(Phase.SMOKE, "green is asked what any version must be able to do")

    def _smoke(self) -> None:
        [green] = self._evaluate(["green"], load(SMOKE))
        self.promotion.smoke = green.as_json()
        words = f"{green.passed} of {len(green.cases)} passed"
        if green.passed < len(green.cases):
            failed = ", ".join(case.id for case in green.cases if not case.passed)
            self._back(Verdict.ROLL_BACK, f"green fails the smoke suite ({words}; failed: {failed})")
            return
        self._enter(Phase.COMPARE, f"smoke: {words}; now both are asked the suite '{self.promotion.suite}'")

    def _compare(self) -> None:
        blue, green = self._evaluate(["blue", "green"], load(self.promotion.suite))
        seen = compare(blue, green, self.promotion.rollout.margin_points)
        self.promotion.comparison = {"comparison": seen.as_json(), "blue": blue.as_json(), "green": green.as_json()}
        words = f"blue {seen.blue_points:.1f} %, green {seen.green_points:.1f} % passed: {seen.words}"
        if seen.verdict is not Verdict.PROMOTE:
            self._back(seen.verdict, words)
            return
        self._enter(Phase.TRAFFIC, words)

    def _traffic(self) -> None:
        suite = load(self.promotion.suite)
        stepping = Stepping(
            promotion=self.promotion,
            sides=self._sides,
            traffic=self.both.traffic,
            metrics=self.both.metrics,
            suite=suite,
            judge=judge_of(suite, os.environ),
            set_share=self._set,
            save=self.save,
            tell=self.tell,
        )
        try:
            ended = stepping.run()
        except TrafficError as error:
            self._back(Verdict.COULD_NOT_MEASURE, str(error).partition("\n")[0])
            return
        if ended.verdict is Verdict.PROMOTE:
            self.promotion.settle(ended.verdict, ended.words)
            self._enter(Phase.ADOPT, ended.words)
        elif ended.is_held:
            self.promotion.settle(ended.verdict, ended.words)
            self.promotion.outcome = Outcome.HELD
            self.promotion.note(ended.words)
        else:
            self._back(ended.verdict, ended.words)

    def _adopt(self) -> None:
        """Green becomes the stable version in config, and keeps its process; blue goes."""
        StackFile(root=self.root, stack=self.promotion.stack).adopt_candidate()
        brought_up(self.root, self.promotion.stack, self.tell)
        self.promotion.outcome = Outcome.PROMOTED
        self.promotion.share = 100
        self._enter(Phase.DONE, "green is the stable version, blue is gone")

    def _back(self, verdict: Verdict, words: str) -> None:
        self.promotion.settle(verdict, words)
        self._enter(Phase.ROLL_BACK, words)

    def roll_back(self) -> None:
        """All traffic to blue at once, then green goes. Raises Failure where that cannot be done."""
        try:
            self._set(0)
        except TakenOver:
            raise
        except (TrafficError, Failure) as error:
            sentence = str(error).partition("\n")[0]
            self.tell(f"the split cannot be moved now, green goes all the same: {sentence}")
        StackFile(root=self.root, stack=self.promotion.stack).write({"candidate": None})
        brought_up(self.root, self.promotion.stack, self.tell)
        self.promotion.share = 0
        self.promotion.outcome = Outcome.ROLLED_BACK
        self._enter(Phase.DONE, "blue has all the traffic, green is gone")

    @property
    def both(self) -> BothSides:
        """Both sides as they are deployed. Raises Failure where they are not."""
        if self._both is None:
            self._both = self._take_stock(engine_for(self.root, self.promotion.stack).outputs())
        return self._both

    @property
    def _sides(self) -> Mapping[str, Side]:
        return {name: side_of(name, address) for name, address in self.both.addresses.items()}

    def _take_stock(self, outputs: Mapping[str, Any]) -> BothSides:
        stack = self.promotion.stack
        engine = engine_for(self.root, stack)
        blue_green = engine.platform.blue_green
        both = blue_green.both(engine.deployed(outputs)) if outputs and blue_green else None
        if both is None or "green" not in both.addresses:
            raise Failure(
                f"the candidate of stack '{stack}' is not deployed any more.",
                f"./trimaran rollback {stack}",
                ExitCode.COULD_NOT_MEASURE,
            )
        return both

    def _set(self, share: int) -> None:
        """Moves the traffic, with the intent on record first. Raises TrafficError."""
        self.promotion.share = share
        self.save()
        self.both.traffic.set(Split(blue=100 - share, green=share))

    def _evaluate(self, names: list[str], suite: Suite) -> tuple[Evaluation, ...]:
        sides: list[Side] = [self._sides[name] for name in names]
        with Store(self.root / ANSWERS) as store:
            return asyncio.run(
                evaluate(sides, suite, store=store, judge=judge_of(suite, os.environ), concurrency=self.concurrency)
            )


def side_of(name: str, address: Address) -> Side:
    """A side as an evaluation asks it. Raises Failure where its platform wants more of a caller than can be given."""
    if address.auth != "none":
        raise Failure(
            f"{name} wants '{address.auth}' of its callers, which promote cannot give.", "", ExitCode.COULD_NOT_MEASURE
        )
    return Side(name=name, url=address.url, headers=address.headers, key=address.key)


def brought_up(root: Path, stack: str, tell: Callable[[str], None]) -> dict[str, Any]:
    """The outputs of an `up` that waits for the engine that a killed command has left at work. Raises Failure."""
    for attempt in stamina.retry_context(on=state.Busy, attempts=None, timeout=ENGINE_ENDS_S, wait_max=1.0):
        with attempt:
            if attempt.num == 2:
                tell("waiting until what a killed command has begun is finished")
            _, outputs, _ = deployment.bring_up(root, stack)
            return outputs
    raise AssertionError("stamina either returns or raises")


def taken_back(root: Path, stack: str, promotion: Promotion | None, hold: Hold, tell: Callable[[str], None]) -> None:
    """Rollback from any state: an unfinished promotion ends with blue, a finished one gives way to the version before."""
    file = StackFile(root=root, stack=stack)
    if promotion is None or promotion.outcome is Outcome.ROLLED_BACK:
        file.write({"candidate": None})
        brought_up(root, stack, tell)
        tell("the stable version has all the traffic; there is no promotion to take back")
        return
    if promotion.outcome is Outcome.PROMOTED or promotion.phase is Phase.ADOPT:
        file.write({"settings": promotion.previous, "candidate": None})
        brought_up(root, stack, tell)
        promotion.outcome, promotion.share = Outcome.ROLLED_BACK, 0
        promotion.words = "taken back by hand after the promotion"
        promotion.enter(Phase.DONE, f"back to {promotion.blue}")
        record.save(hold, promotion)
        tell(f"{stack} is back at {promotion.blue}")
        return
    promotion.outcome = None
    promotion.settle(Verdict.ROLL_BACK, "taken back by hand")
    promotion.enter(Phase.ROLL_BACK, "taken back by hand")
    Stages(root=root, promotion=promotion, hold=hold, concurrency=1, tell=tell).run()
    tell(f"{stack} is back at {promotion.blue}")
