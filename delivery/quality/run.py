"""Asks every side every case, interleaved in one window, and keeps each answer the moment it is there."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import aiohttp

from delivery.failure import ExitCode, Failure
from delivery.quality.answer import Answer
from delivery.quality.checking import checked
from delivery.quality.evaluation import CaseResult, Evaluation, Run
from delivery.quality.judge import PROMPT_DIGEST, Judge
from delivery.quality.side import Side, Unreachable, ask, session
from delivery.quality.store import Store, key_of
from delivery.quality.suite import Case, Suite

CONCURRENCY = 4
_HELLO = [{"role": "user", "content": "Say yes."}]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Version:
    """What a side says it is. The address counts only where no revision is told; ``twin`` tells a version from itself."""

    side: Side
    revision: str
    model: str
    twin: int = 0

    def key(self, suite: Suite, case: Case, repeat: int, judge_pin: str) -> str:
        where = "" if self.revision else [self.side.endpoint, sorted(self.side.headers.items())]
        return key_of(
            version=[self.revision, self.model, where, self.twin],
            suite=suite.digest,
            case=case.id,
            repeat=repeat,
            judge=[judge_pin, PROMPT_DIGEST] if judge_pin else [],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Job:
    version: _Version
    case: Case
    repeat: int
    key: str


async def evaluate(
    sides: Sequence[Side],
    suite: Suite,
    *,
    store: Store,
    judge: Side | None = None,
    repeats: int = 1,
    concurrency: int = CONCURRENCY,
    on_done: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[Evaluation, ...]:
    """One evaluation a side, in the sides' order. ``on_done`` hears how many answers of how many are there.

    Raises Failure with exit code 5 where a side or the judge cannot be asked, or became another version on the way; what was
    answered until then is kept.
    """
    try:
        async with session() as http:
            versions = _told_apart(
                [await _introduced(http, side, suite.settings.given().get("model")) for side in sides]
            )
            judging = await _judge(http, suite, judge, versions, store)
            return await _Evaluating(http, suite, store, judging, on_done).all(versions, repeats, concurrency)
    except Unreachable as error:
        raise Failure(
            f"{error}.",
            "start it, or correct the address; what was answered is kept, and the same command goes on from there",
            ExitCode.COULD_NOT_MEASURE,
        ) from None


class _Evaluating:
    """One evaluation under way."""

    def __init__(
        self,
        http: aiohttp.ClientSession,
        suite: Suite,
        store: Store,
        judge: Judge | None,
        on_done: Callable[[int, int], None],
    ) -> None:
        self._http = http
        self._suite = suite
        self._store = store
        self._judge = judge
        self._on_done = on_done
        self._runs: dict[str, Run] = {}
        self._kept: set[str] = set()

    async def all(self, versions: Sequence[_Version], repeats: int, concurrency: int) -> tuple[Evaluation, ...]:
        pin = self._judge.pin if self._judge else ""
        jobs = list(_interleaved(versions, self._suite, repeats, pin))
        waiting = iter(jobs)

        async def work() -> None:
            for job in waiting:
                self._runs[job.key] = await self._run(job)
                self._on_done(len(self._runs), len(jobs))

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(min(concurrency, len(jobs))):
                    group.create_task(work())
        except BaseExceptionGroup as several:
            raise several.exceptions[0] from None
        self._store.forget(key for key, run in self._runs.items() if run.answer.lost)
        return tuple(self._evaluation(version, jobs) for version in versions)

    async def _run(self, job: _Job) -> Run:
        kept = self._store.get(job.key)
        if kept is not None:
            answer = Answer.from_json(kept)
            self._kept.add(job.key)
        else:
            answer = await ask(self._http, job.version.side, self._suite.body(job.case))
            _same_version(job.version, answer)
            if answer.model in ("", job.version.model):
                self._store.put(job.key, answer.as_json())
        judged = await self._judged(job.case, answer)
        return Run(answer=answer, results=tuple(checked(check, answer, judged) for check in job.case.checks))

    async def _judged(self, case: Case, answer: Answer) -> float | None:
        wanted = next((check.judge for check in case.checks if check.judge), None)
        if wanted is None or self._judge is None or answer.failure:
            return None
        return await self._judge.score(wanted, case.question, answer.text)

    def _evaluation(self, version: _Version, jobs: Sequence[_Job]) -> Evaluation:
        own = [job for job in jobs if job.version is version]
        runs: dict[str, list[Run]] = {case.id: [] for case in self._suite.cases}
        for job in own:
            runs[job.case.id].append(self._runs[job.key])
        return Evaluation(
            side=version.side.name,
            url=version.side.url,
            suite=self._suite.name,
            suite_digest=self._suite.digest,
            graded=self._suite.graded,
            revision=version.revision,
            kept=sum(job.key in self._kept for job in own),
            cases=tuple(
                CaseResult(
                    id=case.id, question=case.question, tags=case.tags, weight=case.weight, runs=tuple(runs[case.id])
                )
                for case in self._suite.cases
            ),
        )


def _interleaved(versions: Sequence[_Version], suite: Suite, repeats: int, judge_pin: str) -> Iterator[_Job]:
    """Case by case, every side before the next case; who is asked first takes turns."""
    for repeat in range(repeats):
        for number, case in enumerate(suite.cases):
            turn = (number + repeat) % len(versions)
            for version in (*versions[turn:], *versions[:turn]):
                key = version.key(suite, case, repeat, judge_pin)
                yield _Job(version=version, case=case, repeat=repeat, key=key)


async def _introduced(http: aiohttp.ClientSession, side: Side, model: str | None) -> _Version:
    """What a side says about itself in one small answer, streamed as most of a suite is. Raises Failure where it gives none."""
    body = {"messages": _HELLO, "max_tokens": 1, "stream": True, **({"model": model} if model else {})}
    answer = await ask(http, side, body)
    if answer.failure and not answer.rescued:
        hint = {
            401: "name the environment variable that holds a key with --key-env",
            403: "name the environment variable that holds a key with --key-env",
            404: "give the app's address without a path, and `model` under the suite's settings where it has no default",
        }.get(answer.status, "./trimaran logs says what the app has to say")
        raise Failure(f"{side.url} does not answer: {answer.failure}.", hint, ExitCode.COULD_NOT_MEASURE)
    return _Version(side=side, revision=answer.revision, model=answer.model)


def _told_apart(versions: Sequence[_Version]) -> list[_Version]:
    """A version that is compared with itself answers for each side anew."""
    names = [(version.revision, version.model) for version in versions]
    return [replace(each, twin=names[:place].count(names[place])) for place, each in enumerate(versions)]


async def _judge(
    http: aiohttp.ClientSession, suite: Suite, side: Side | None, versions: Sequence[_Version], store: Store
) -> Judge | None:
    """The judge that a suite asks for. Raises Failure where it is a version under test."""
    if suite.judge is None or not any(check.judge for case in suite.cases for check in case.checks):
        return None
    assert side is not None, "a suite with a judge is evaluated with the judge's side"
    judge = await _introduced(http, side, suite.judge.model)
    for version in versions:
        same_address = judge.side.endpoint == version.side.endpoint and judge.model == version.model
        if same_address or (judge.revision and judge.revision == version.revision):
            raise Failure(
                f"the judge {side.url} is the version under test ({version.side.url}): nobody judges itself.",
                "name another under 'judge' in the suite",
                ExitCode.USAGE,
            )
    pin = f"{side.endpoint} {suite.judge.model} {judge.model} {judge.revision}"
    return Judge(side=side, model=suite.judge.model, pin=pin, http=http, store=store)


def _same_version(version: _Version, answer: Answer) -> None:
    if answer.revision and answer.revision != version.revision:
        raise Failure(
            f"{version.side.url} was revision {version.revision or 'without a name'} and is now {answer.revision}.",
            "wait until the deploy is over and run the same command again",
            ExitCode.COULD_NOT_MEASURE,
        )
