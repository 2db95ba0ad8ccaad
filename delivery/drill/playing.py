"""The drill itself: callers ask the suite's cases without a pause, while the director shuts and opens the door."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import aiohttp

from delivery.drill.app import ALONE
from delivery.drill.door import Door
from delivery.drill.faults import Fault
from delivery.failure import ExitCode, Failure
from delivery.quality.answer import Answer
from delivery.quality.checking import checked
from delivery.quality.side import Side, ask, session
from delivery.quality.suite import Case, Suite

BACK_S = 90.0  # how long the first provider may take until it is asked again: above the longest rest of a circuit that a drill opens
_PROBE_EVERY_S = 1.0
_SETTLED = 10  # probes in a row that the provider answers: it has all the traffic again, and the next fault finds things as the first did


class Outcome(StrEnum):
    """``DIRECT``: the provider that is drilled answered; ``ELSEWHERE``: another did; ``RESCUED``: one went on with what another had begun."""

    DIRECT = "direct"
    ELSEWHERE = "elsewhere"
    RESCUED = "rescued"
    LOST = "lost"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One answer. Times are seconds since the drill began."""

    case: str
    began_s: float
    ended_s: float
    answer: Answer
    passed: bool

    def outcome(self, backend: str) -> Outcome:
        """What became of it while ``backend`` was, or was to be, away. What the request itself is to blame for is no loss."""
        if self.answer.lost:
            return Outcome.LOST
        if self.answer.rescues:
            return Outcome.RESCUED
        return Outcome.DIRECT if self.answer.backend == backend else Outcome.ELSEWHERE

    @property
    def first_content_s(self) -> float:
        """When the caller saw the first of it; of an answer that was not streamed, all of it."""
        first_ms = self.answer.first_token_ms
        return self.ended_s if first_ms is None else self.began_s + first_ms / 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """``back_s``: when the provider answered again; None where it did not within BACK_S of ``opened_s``."""

    fault: Fault
    shut_s: float
    opened_s: float
    back_s: float | None


@dataclass(slots=True, kw_only=True)
class Played:
    """``backend``: the one that was away."""

    backend: str
    asked: list[Asked] = field(default_factory=list)
    outages: list[Outage] = field(default_factory=list)


class _Phase:
    """One pass through the suite's cases, which begin anew while the last answers of it are awaited: the load does not fall off."""

    def __init__(self, cases: Sequence[Case]) -> None:
        self.cases = itertools.cycle(cases)
        self.over = asyncio.Event()
        self._awaited = {case.id for case in cases}

    def heard(self, case: Case) -> None:
        self._awaited.discard(case.id)
        if not self._awaited:
            self.over.set()


class Drill:
    """``url``: the app's; ``backend``: the one behind ``door``. ``on_phase`` hears what begins, ``on_answer`` of each answer."""

    def __init__(
        self,
        url: str,
        backend: str,
        suite: Suite,
        door: Door,
        *,
        concurrency: int,
        on_phase: Callable[[str], None],
        on_answer: Callable[[], None],
    ) -> None:
        self._side = Side(name="answers", url=url, whoever=True)
        self._suite = suite
        self._door = door
        self._concurrency = concurrency
        self._on_phase = on_phase
        self._on_answer = on_answer
        self._began = time.monotonic()
        self._phase = _Phase(suite.cases)
        self._may_call = asyncio.Event()
        self._over = False
        self._played = Played(backend=backend)

    async def play(self, faults: Sequence[Fault]) -> Played:
        """Before, and for each fault during and after. Raises quality's Unreachable when the app itself is gone."""
        try:
            async with session() as http, asyncio.TaskGroup() as group:
                await self._introduce(http)
                for _ in range(self._concurrency):
                    group.create_task(self._call(http))
                await self._pass("before")
                for fault in faults:
                    await self._away(http, fault, is_last=fault is faults[-1])
                self._over = True
                self._may_call.set()
        except BaseExceptionGroup as several:
            raise several.exceptions[0] from None
        return self._played

    async def _introduce(self, http: aiohttp.ClientSession) -> None:
        """Raises Failure where the provider gives no answer before anything is taken away: nothing could be seen then."""
        body = self._suite.body(self._suite.cases[0])
        answer = await ask(http, self._side, {**body, "model": ALONE})
        if answer.failure:
            raise Failure(
                f"'{self._played.backend}' does not answer before it is taken away: {answer.failure}.",
                "mend that first; ./trimaran serve --routes FILE runs the same routes",
                ExitCode.COULD_NOT_MEASURE,
            )

    async def _away(self, http: aiohttp.ClientSession, fault: Fault, *, is_last: bool) -> None:
        shut_s = self._now()
        await self._door.shut(fault)
        await self._pass(f"{fault.name}: {fault.words}")
        opened_s = self._now()
        await self._door.open()
        await self._pass(f"{fault.name} is over")
        back_s = await self._back(http, opened_s, in_a_row=1 if is_last else _SETTLED)
        self._played.outages.append(Outage(fault=fault, shut_s=shut_s, opened_s=opened_s, back_s=back_s))

    async def _pass(self, words: str) -> None:
        """Every case asked once and answered, and callers at work throughout."""
        self._on_phase(words)
        self._phase = _Phase(self._suite.cases)
        self._may_call.set()
        await self._phase.over.wait()

    async def _call(self, http: aiohttp.ClientSession) -> None:
        """One caller: the next question as soon as the last one is answered."""
        while not self._over:
            await self._may_call.wait()
            if self._over:
                return
            phase = self._phase
            case = next(phase.cases)
            await self._ask(http, case)
            phase.heard(case)

    async def _ask(self, http: aiohttp.ClientSession, case: Case) -> Asked:
        began_s = self._now()
        answer = await ask(http, self._side, self._suite.body(case))
        passed = all(checked(check, answer).passed for check in case.checks)
        asked = Asked(case=case.id, began_s=began_s, ended_s=self._now(), answer=answer, passed=passed)
        self._played.asked.append(asked)
        self._on_answer()
        return asked

    async def _back(self, http: aiohttp.ClientSession, opened_s: float, *, in_a_row: int) -> float | None:
        """When the provider answered again; returns once it has done so ``in_a_row``, or after BACK_S.

        Nobody else calls meanwhile: a full load would only cost.
        """
        self._on_phase("until the provider is asked first again")
        self._may_call.clear()
        back_s = [each.ended_s for each in self._played.asked if each.began_s > opened_s and self._is_first(each)]
        first_s = min(back_s, default=None)
        row = 0
        for case in itertools.cycle(self._suite.cases):
            if row == in_a_row or self._now() > opened_s + BACK_S:
                break
            await asyncio.sleep(_PROBE_EVERY_S)
            asked = await self._ask(http, case)
            row = row + 1 if self._is_first(asked) else 0
            if first_s is None and row:
                first_s = asked.ended_s
        return first_s

    def _is_first(self, asked: Asked) -> bool:
        return asked.outcome(self._played.backend) is Outcome.DIRECT

    def _now(self) -> float:
        return time.monotonic() - self._began
