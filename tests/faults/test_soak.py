"""Many requests, one in twenty with a fault: nobody sees a failure that a healthy backend could have prevented, and memory stays flat."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest

from tests.faults import refusals
from tests.faults.answers import Act, Break, Fault, Point, Respelled, Spelling
from tests.faults.callers import Caller, Heard, ask, asked
from tests.faults.cases import backend
from tests.faults.models import TEXT, Model
from tests.faults.proxy import FaultProxy
from tests.faults.running import App, running_beside

pytestmark = pytest.mark.alone  # what is promised of a fault is promised within times

SHARE = 0.05
CALLERS = 24
ROUTES_OF_EACH_WIRE = 12  # an open circuit keeps its own route's traffic away from the faults, no more
LIMITS = "{connect_s: 5, first_token_s: 1.0, between_tokens_s: 1.0, total_s: 30}"
GROWTH_MIB = 8
WARM = 0.2  # of the requests come before memory is looked at first
FAULTS: Mapping[str, Fault] = {
    **{
        f"{act.name.lower()}-{point.name.lower()}-{pieces}": Break(at=point, then=act, pieces=pieces)
        for act in (Act.RESET, Act.FIN, Act.END, Act.ERROR, Act.GARBAGE)
        for point in (Point.HEAD, Point.CONTENT, Point.HALF_EVENT)
        for pieces in (0, 1, 5)
        if (act not in (Act.ERROR, Act.GARBAGE) or point is Point.CONTENT) and (point is not Point.HEAD or not pieces)
    },
    "reset-nothing": Break(at=Point.NOTHING, then=Act.RESET),
    "fin-half-head": Break(at=Point.HALF_HEAD, then=Act.FIN),
    **{how.name.lower(): Respelled(how=how) for how in Spelling if how is not Spelling.CRLF},
    "html": refusals.HTML,
    "500": refusals.BROKEN.openai(),
    "503": refusals.UNAVAILABLE.openai(),
    "429": refusals.LIMITED.openai(),
    "too-long": refusals.TOO_LONG.openai(),
}
SILENT: Mapping[str, Fault] = {  # in streams only: a whole answer shows nothing until it is complete
    "silence-0": Break(at=Point.CONTENT, then=Act.SILENCE),
    "silence-4": Break(at=Point.CONTENT, then=Act.SILENCE, pieces=4),
    "pings-3": Break(at=Point.CONTENT, then=Act.PINGS, pieces=3),
}


@dataclass(slots=True)
class Soak:
    """``sizes``: the app's resident memory in MiB, when it was warm and at the end."""

    failed: list[str] = field(default_factory=list)
    meant: int = 0
    met: int = 0
    sizes: list[float] = field(default_factory=list)
    seconds: float = 0.0
    outcomes: Counter[str] = field(default_factory=Counter)


def requests(count: int, seed: int) -> Iterator[tuple[Caller, dict[str, Any]]]:
    """What is asked, in an order that the seed alone decides."""
    chance = random.Random(seed)
    for _ in range(count):
        stream = chance.random() < 0.7
        fault = "none"
        if chance.random() < SHARE:
            fault = chance.choice([*FAULTS, *(SILENT if stream else ())])
        wire = chance.choice(("openai", "anthropic"))
        caller = chance.choice((Caller.COMPLETIONS, Caller.CHAT))
        yield caller, asked(f"{wire}-{chance.randrange(ROUTES_OF_EACH_WIRE)}", fault, stream=stream)


async def soaked(count: int, seed: int) -> Soak:
    soak = Soak()
    async with AsyncExitStack() as stack:
        proxies = {
            wire: await stack.enter_async_context(FaultProxy(Model(wire), {**_on(wire), **SILENT}))
            for wire in ("openai", "anthropic")
        }
        healthy = await stack.enter_async_context(FaultProxy(Model("openai"), {}))
        http = await stack.enter_async_context(aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)))
        app = await stack.enter_async_context(running_beside(_routes(proxies, healthy)))
        started = time.monotonic()
        given = requests(count, seed)
        warm = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            for _ in range(CALLERS):
                group.create_task(_call(http, app, given, soak, warm, int(count * WARM)))
        soak.sizes.append(app.resident_mib())
        soak.seconds = time.monotonic() - started
        soak.met = sum(n for proxy in proxies.values() for fault, n in proxy.asked.items() if fault != "none")
    return soak


def _on(wire: str) -> dict[str, Fault]:
    """The faults as the vendor of ``wire`` would write them."""
    theirs: dict[str, Fault] = {
        "500": refusals.BROKEN.anthropic(),
        "503": refusals.UNAVAILABLE.anthropic(),
        "429": refusals.LIMITED.anthropic(),
        "too-long": refusals.TOO_LONG.anthropic(),
    }
    return {**FAULTS, **(theirs if wire == "anthropic" else {})}


def _routes(proxies: Mapping[str, FaultProxy], healthy: FaultProxy) -> str:
    backends = [backend("healthy", "openai", healthy.url)]
    models = []
    for wire, proxy in proxies.items():
        for number in range(ROUTES_OF_EACH_WIRE):
            name = f"{wire}-{number}"
            backends.append(backend(f"{name}-a", wire, proxy.url))
            models.append(f"  {name}: {{backends: [{{use: {name}-a}}, {{use: healthy}}], limits: {LIMITS}}}")
    return "\n".join(("version: 1", "backends:", *backends, "models:", *models, ""))


async def _call(
    http: aiohttp.ClientSession,
    app: App,
    given: Iterator[tuple[Caller, dict[str, Any]]],
    soak: Soak,
    warm: asyncio.Event,
    warm_at: int,
) -> None:
    """One caller, who asks until there is no more to ask."""
    for caller, body in given:
        heard = await ask(http, app.url, caller, body)
        soak.meant += "fault=none" not in json.dumps(body)
        soak.outcomes[heard.code or "ok"] += 1
        if wrong := _wrong(heard):
            soak.failed.append(f"{body['model']} {body['messages'][0]['content']} {caller}: {wrong}")
        if soak.outcomes.total() >= warm_at and not warm.is_set():
            warm.set()
            soak.sizes.append(app.resident_mib())


def _wrong(heard: Heard) -> str:
    if heard.wrong or heard.code or heard.status != 200:
        return f"{heard.status} {heard.code} {heard.wrong}"
    return "" if heard.text == TEXT else f"the text is {heard.text!r}"


@pytest.mark.parametrize(
    ("count", "within_s"),
    [(2_000, 60), pytest.param(100_000, 900, marks=[pytest.mark.long, pytest.mark.timeout(960)])],
    ids=["2000", "100000"],
)
async def test_no_failure_that_a_healthy_backend_could_prevent(count: int, within_s: float) -> None:
    """Every answer is whole, though one request in twenty meets a fault at its first backend; memory does not grow with their number."""
    async with asyncio.timeout(within_s):
        soak = await soaked(count, seed=count)

    assert soak.failed == []
    assert soak.outcomes == {"ok": count}
    assert soak.meant == pytest.approx(SHARE * count, rel=0.3)
    assert soak.met > soak.meant / 2, "open circuits kept most requests away from the faults"
    assert soak.sizes[1] - soak.sizes[0] < GROWTH_MIB, soak.sizes
