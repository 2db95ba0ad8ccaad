"""``python -m benchmarks.failover``: what a dead primary costs its first caller, and how soon a cut answer goes on; each figure with its bound.

The callers, the faults and the healthy fallback share one core, the app has the other. Every request to a dead primary is the first one
there: each sample has a route, and so a circuit, of its own.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import aiohttp

from benchmarks import machine
from benchmarks.results import Results, show
from delivery.drill.addresses import black_hole, refusing
from tests.faults.answers import Act, Break, Fault, Point
from tests.faults.models import Model
from tests.faults.proxy import FaultProxy

CALLER_CORE, APP_CORE = 0, 1
CONNECT_S, FIRST_TOKEN_S, BETWEEN_TOKENS_S = 0.3, 0.5, 0.4
LIMITS = (
    f"{{connect_s: {CONNECT_S}, first_token_s: {FIRST_TOKEN_S}, between_tokens_s: {BETWEEN_TOKENS_S}, total_s: 60}}"
)
FALLBACK_FIRST_TOKEN_S = 0.05  # of the fallback that takes up cut answers, as a model server has one
FAULTS: Mapping[str, Fault] = {
    "reset": Break(at=Point.NOTHING, then=Act.RESET),
    "silent": Break(at=Point.NOTHING, then=Act.SILENCE),
    "cut": Break(at=Point.CONTENT, then=Act.FIN, pieces=4),
    "stall": Break(at=Point.CONTENT, then=Act.SILENCE, pieces=4),
}
WARM = 20
REPORT = Path(".trimaran/reports/failover.json")


@dataclass(frozen=True, slots=True)
class Stage:
    http: aiohttp.ClientSession
    url: str
    proxy: FaultProxy

    async def first_content_ms(self, model: str, fault: str) -> float:
        """From the request to the first content, of one stream."""
        started = time.monotonic()
        at = [at async for at in self._contents(model, fault)]
        return (at[0] - started) * 1000

    async def gap_ms(self, model: str, fault: str) -> float:
        """From the moment at which the fault can be known to the next content."""
        at = [at async for at in self._contents(model, fault)]
        if fault == "cut":
            return (next(each for each in at if each > self.proxy.acted_at) - self.proxy.acted_at) * 1000
        gaps = [later - earlier for earlier, later in pairwise(at)]
        return (max(gaps) - BETWEEN_TOKENS_S) * 1000

    async def _contents(self, model: str, fault: str) -> AsyncIterator[float]:
        """The time of each read that brings content. Raises RuntimeError when the answer is not complete: a wrong one is not fast."""
        body = {"model": model, "messages": [{"role": "user", "content": f"fault={fault}"}], "stream": True}
        got = b""
        async with self.http.post(f"{self.url}/v1/chat", json=body) as response:
            while part := await response.content.readany():
                if b'{"content":' in part:
                    yield time.monotonic()
                got += part
        if not got.endswith(b"data: [DONE]\n\n"):
            raise RuntimeError(f"{model}: {got[-300:]!r}")


def routes(addresses: Mapping[str, str], healthy: str, slow: str, samples: int) -> str:
    """For each fault as many models as there are samples; `healthy` and `slow` have no dead backend in front."""
    backends = [_backend("healthy", healthy), _backend("slow", slow)]
    models = [_model("healthy", "healthy"), _model("slow", "slow")]
    for fault, address in addresses.items():
        behind = "slow" if fault in ("cut", "stall") else "healthy"
        for number in range(samples):
            name = f"{fault}-{number}"
            backends.append(_backend(name, address))
            models.append(_model(name, name, behind))
    return "\n".join(("version: 1", "backends:", *backends, "models:", *models, ""))


def _backend(name: str, address: str) -> str:
    price = "price: {input_usd_per_mtok: 2, output_usd_per_mtok: 10}"
    return f"  {name}: {{adapter: vllm, base_url: '{address}/v1', model: {name}, {price}}}"


def _model(name: str, *uses: str) -> str:
    return f"  {name}: {{backends: [{', '.join(f'{{use: {use}}}' for use in uses)}], limits: {LIMITS}}}"


async def measure(samples: int) -> Results:
    """All figures, in one run."""
    results = Results()
    async with AsyncExitStack() as stack:
        proxy = await stack.enter_async_context(FaultProxy(Model("openai"), FAULTS, settle_s=0.01))
        healthy = await stack.enter_async_context(FaultProxy(Model("openai"), {}))
        late = Model("openai", first_token_s=FALLBACK_FIRST_TOKEN_S)
        slow = await stack.enter_async_context(FaultProxy(late, {}))
        addresses = {
            "refused": stack.enter_context(refusing()),
            "black hole": stack.enter_context(black_hole()),
            **dict.fromkeys(FAULTS, proxy.url),
        }
        environment = {
            "TRIMARAN_PORT": "{port}",
            "TRIMARAN_ENGINE": "none",
            "TRIMARAN_ROUTES_YAML": _escaped(routes(_named(addresses), healthy.url, slow.url, samples)),
        }
        app = stack.enter_context(
            machine.running("app.main", core=APP_CORE, ready="/health/ready", environment=environment)
        )
        http = await stack.enter_async_context(aiohttp.ClientSession())
        stage = Stage(http, app.url, proxy)
        for _ in range(WARM):
            await stage.first_content_ms("healthy", "none")
        await dead_primaries(results, stage, samples)
        await open_circuit(results, stage, samples)
        await rescues(results, stage, samples)
    return results


def _named(addresses: Mapping[str, str]) -> dict[str, str]:
    return {fault.replace(" ", "-"): address for fault, address in addresses.items()}


def _escaped(text: str) -> str:
    """For ``machine.running``, which fills in {port}."""
    return text.replace("{", "{{").replace("}", "}}")


async def dead_primaries(results: Results, stage: Stage, samples: int) -> None:
    """First requests, each after one on the healthy path, so that both see the same machine."""
    limits = {"refused": 0.0, "reset": 0.0, "black-hole": CONNECT_S, "silent": FIRST_TOKEN_S}
    for fault, limit_s in limits.items():
        settle_ms = 10.0 if fault in FAULTS else 0.0  # the proxy's own wait before it acts
        healthy, dead = [], []
        for number in range(samples):
            healthy.append(await stage.first_content_ms("healthy", "none"))
            dead.append(await stage.first_content_ms(f"{fault}-{number}", fault) - (settle_ms if not limit_s else 0.0))
        added = statistics.median(dead) - statistics.median(healthy)
        named = {
            "black-hole": f"black hole (connect_s {CONNECT_S:g})",
            "silent": f"silent (first_token_s {FIRST_TOKEN_S:g})",
        }
        results.at_most(f"{named.get(fault, fault)}: first request, added", added, limit_s * 1000 + 20, "ms")
        results.add("… worst", max(dead) - statistics.median(healthy), "ms")


async def open_circuit(results: Results, stage: Stage, samples: int) -> None:
    """The refusing primary's circuit is open after three requests; the ones after those do not go there."""
    for _ in range(3):
        await stage.first_content_ms("refused-0", "refused")
    healthy, after = [], []
    for _ in range(samples * 4):
        healthy.append(await stage.first_content_ms("healthy", "none"))
        after.append(await stage.first_content_ms("refused-0", "refused"))
    results.at_most("circuit open, added", statistics.median(after) - statistics.median(healthy), 1, "ms")


async def rescues(results: Results, stage: Stage, samples: int) -> None:
    """From the cut, or from the limit that a stall passes, to the next character."""
    own = statistics.median([await stage.first_content_ms("slow", "none") for _ in range(samples)])
    results.add("the fallback's own first token", own, "ms")
    for fault in ("cut", "stall"):
        gaps = [await stage.gap_ms(f"{fault}-{number}", fault) for number in range(samples)]
        results.at_most(f"{fault} in the middle: to the next character", statistics.median(gaps), round(own + 20), "ms")
        results.add("… worst", max(gaps), "ms")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=25, help="first requests for each fault")
    options = parser.parse_args()
    os.sched_setaffinity(0, {CALLER_CORE})
    results = asyncio.run(measure(options.samples))
    show(results, "Failing over", REPORT)


if __name__ == "__main__":
    main()
