"""Every fault met by every caller at a backend of either wire: the cases, the routes that they need, and what came of each."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import aiohttp

from delivery.drill.addresses import black_hole, refusing
from tests.faults.answers import Fault
from tests.faults.callers import Caller, Heard, ask, asked
from tests.faults.expected import ROWS, Address, Cell, Circuit, Mode, Outcome, Row
from tests.faults.models import PROMPT_TOKENS, TEXT, Model, pieces_of
from tests.faults.proxy import FaultProxy
from tests.faults.running import KEY_ENV, App, running_beside

WIRES = ("openai", "anthropic")
HEALTHY = "healthy"
QUICK_LIMITS = "{{connect_s: 0.3, first_token_s: 0.4, between_tokens_s: 0.4, total_s: {total_s}}}"
LIMITS = "{connect_s: 5, first_token_s: 20, between_tokens_s: 20, total_s: 40}"
PAUSE_S = 2.5  # longer than every quick limit
SETTLE_S = 0.03
AT_ONCE, SLOW_AT_ONCE = 3, 40  # 3: what the retry budget allows of few requests


@dataclass(frozen=True)
class Case:
    """One fault, at a backend that speaks ``wire``, met by ``caller``. Its model `NAME` has a healthy backend too, `NAME-alone` has not."""

    number: int
    row: Row
    mode: Mode
    cell: Cell
    wire: str
    caller: Caller

    @cached_property
    def name(self) -> str:
        return f"{self.wire}-{self.number}-{self.mode.name.lower()}-{self.caller.name.lower()}"

    @property
    def tag(self) -> str:
        return f"{self.number}-{self.mode.name.lower()}"

    @property
    def title(self) -> str:
        return f"{self.row.name}, {self.mode}, {self.wire} backend, {self.caller}"

    @property
    def expected(self) -> Outcome:
        """As far as this caller sees: a WebSocket has no status, and the circuit is looked at for one caller only."""
        outcome = self.cell.expected(self.wire)
        if self.caller is Caller.SOCKET:
            outcome = replace(outcome, status=0, alone=(0, outcome.alone[1]))
        return outcome if self.caller is Caller.COMPLETIONS else replace(outcome, circuit=Circuit.CLOSED)

    def body(self, model: str) -> dict[str, Any]:
        return asked(model, self.tag, stream=self.mode is not Mode.WHOLE)


@dataclass(slots=True)
class Result:
    """What came of a case. ``wrong``: what no outcome allows, such as a lost character or two ends."""

    outcome: Outcome
    wrong: list[str] = field(default_factory=list)


def cases() -> Iterator[Case]:
    for number, row in enumerate(ROWS):
        for mode, cell in row.cells():
            if isinstance(cell, str):
                continue
            for caller in Caller:
                if mode is Mode.WHOLE and caller is Caller.SOCKET:
                    continue
                for wire in WIRES:
                    yield Case(number, row, mode, cell, wire, caller)


CASES = tuple(cases())


async def results() -> dict[str, Result]:
    """Runs every case against the app, a process of its own; by the case's name."""
    async with contextlib.AsyncExitStack() as stack:
        places = {
            Address.REFUSING: stack.enter_context(refusing()),
            Address.BLACK_HOLE: stack.enter_context(black_hole()),
        }
        proxies = {
            wire: await stack.enter_async_context(
                FaultProxy(Model(wire), _faults(wire), pause_s=PAUSE_S, settle_s=SETTLE_S)
            )
            for wire in WIRES
        }
        healthy = await stack.enter_async_context(FaultProxy(Model("openai"), {}))
        fresh = aiohttp.TCPConnector(limit=0, force_close=True)  # no case can spoil another one's connection
        http = await stack.enter_async_context(aiohttp.ClientSession(connector=fresh))
        app = await stack.enter_async_context(running_beside(routes(places, proxies, healthy)))
        heard = await _all(http, app)
        records = await asyncio.to_thread(app.recorded, sum(len(each) for each in heard.values()))
        circuits = await asyncio.to_thread(app.circuits)
    by_model: dict[str, list[dict[str, Any]]] = {}
    for record in records:
        by_model.setdefault(record["model"], []).append(record)
    return {
        case.name: _result(case, heard[case.name], by_model[case.name][0], circuits.get(f"{case.name}-a", 0))
        for case in CASES
    }


def _faults(wire: str) -> dict[str, Fault]:
    return {
        case.tag: fault
        for case in CASES
        if case.wire == wire and not isinstance(fault := case.cell.fault[wire], Address)
    }


def routes(places: Mapping[Address, str], proxies: Mapping[str, FaultProxy], healthy: FaultProxy) -> str:
    """Backends and models for every case: circuits must not be shared between them."""
    backends, models = [backend(HEALTHY, "openai", healthy.url)], []
    for case in CASES:
        fault = case.cell.fault[case.wire]
        url = places[fault] if isinstance(fault, Address) else proxies[case.wire].url
        quick = QUICK_LIMITS.format(total_s=1 if case.mode is Mode.WHOLE else 20)
        limits = quick if case.cell.slow else LIMITS
        for suffix, others in (("", f", {{use: {HEALTHY}}}"), ("-alone", "")):
            name = f"{case.name}{suffix}"
            backends.append(backend(f"{name}-a", case.wire, url))
            models.append(f"  {name}: {{backends: [{{use: {name}-a}}{others}], limits: {limits}}}")
    return "\n".join(("version: 1", "backends:", *backends, "models:", *models, ""))


def backend(name: str, wire: str, url: str) -> str:
    """A line of the routes file. The price is there so that none is looked up."""
    price = "price: {input_usd_per_mtok: 2, output_usd_per_mtok: 10}"
    adapter, path, family = {
        "openai": ("vllm", "/v1", "mock"),
        "anthropic": ("anthropic", "", "claude-haiku-4-5"),
    }[wire]
    return f"  {name}: {{adapter: {adapter}, base_url: '{url}{path}', model: {family}-{name}, key_env: {KEY_ENV}, {price}}}"


async def _all(http: aiohttp.ClientSession, app: App) -> dict[str, list[Heard]]:
    quick, slow = asyncio.Semaphore(AT_ONCE), asyncio.Semaphore(SLOW_AT_ONCE)

    async def bounded(case: Case) -> list[Heard]:
        async with slow if case.cell.slow else quick:
            return await _heard(http, app, case)

    found = await _gathered([bounded(case) for case in CASES])
    return {case.name: heard for case, heard in zip(CASES, found, strict=True)}


async def _gathered(work: Iterable[Awaitable[list[Heard]]]) -> Sequence[list[Heard]]:
    async with asyncio.timeout(120):
        return await asyncio.gather(*work)


async def _heard(http: aiohttp.ClientSession, app: App, case: Case) -> list[Heard]:
    """With the healthy backend, three times in a row where the circuit is looked at, and without it."""
    times = 3 if case.caller is Caller.COMPLETIONS else 1
    heard = [await ask(http, app.url, case.caller, case.body(case.name)) for _ in range(times)]
    return [*heard, await ask(http, app.url, case.caller, case.body(f"{case.name}-alone"))]


def _result(case: Case, heard: Sequence[Heard], record: Mapping[str, Any], circuit: int) -> Result:
    first, *again, alone = heard
    attempts = [attempt["backend"] for attempt in record["attempts"]]
    seen = Circuit.CLOSED
    if again and circuit:
        seen = Circuit.OPEN
    elif again and again[0].backend == HEALTHY and again[0].attempts == 1:
        seen = Circuit.RESTS
    outcome = Outcome(
        answered="" if first.code else "b" if attempts[-1] == HEALTHY else "a",
        attempts=len(attempts),
        rescued=" ".join(record.get("rescues", ())),
        status=first.status if case.caller is not Caller.SOCKET else 0,
        code=first.code,
        alone=(alone.status if case.caller is not Caller.SOCKET else 0, alone.code),
        circuit=seen,
    )
    wrong = [f"answer {n}: {what}" for n, each in enumerate(heard) for what in _wrong(case, each)]
    if first.status == 200 and not first.code and (first.backend, first.attempts) != (attempts[-1], len(attempts)):
        wrong.append(f"the caller was told of {first.backend}, {first.attempts}; the log has {attempts}")
    return Result(outcome, wrong)


def _wrong(case: Case, heard: Heard) -> Iterator[str]:
    yield from heard.wrong
    if heard.code:
        if not TEXT.startswith(heard.text):
            yield f"a broken answer that is not the beginning of the text: {heard.text!r}"
        return
    if heard.text != TEXT:
        yield f"the text is {heard.text!r}"
    if case.caller is not Caller.CHAT and heard.finish != "stop":
        yield f"finish reason {heard.finish!r}"
    for counted in heard.counts:
        if case.cell.counts and counted != (PROMPT_TOKENS, len(pieces_of(TEXT))):
            yield f"usage {counted}"
