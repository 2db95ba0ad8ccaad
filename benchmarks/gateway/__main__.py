"""``python -m benchmarks.gateway``: the app beside bare pass-through servers, interleaved in one run, each figure with what it is held to."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks import machine
from benchmarks.gateway import load
from benchmarks.results import Results, show

SERVERS = ("bare ASGI", "bare FastAPI", "trimaran")
SERVER_CORE, CALLER_CORE = 1, 0
ROUNDS = 4  # of all servers, for each repeat
REPORT = Path(".trimaran/reports/gateway.json")


@contextlib.contextmanager
def all_servers() -> Iterator[tuple[machine.Running, dict[str, machine.Running]]]:
    """The upstream on the callers' core; every measured server on the other one, idle while another is measured."""
    with contextlib.ExitStack() as stack:
        upstream = stack.enter_context(
            machine.running("benchmarks.gateway.upstream", ["{port}"], core=CALLER_CORE, ready="/closed")
        )
        servers = {
            f"bare {name}": stack.enter_context(
                machine.running(
                    "benchmarks.gateway.probes", [name.lower(), "{port}", upstream.url], core=SERVER_CORE, ready="/"
                )
            )
            for name in ("ASGI", "FastAPI")
        }
        servers["trimaran"] = stack.enter_context(app(upstream))
        yield upstream, servers


def app(upstream: machine.Running) -> contextlib.AbstractContextManager[machine.Running]:
    """The whole app, every adapter in its routes, the mock upstream first."""
    routes = (
        "version: 1\n"
        "backends:\n"
        f"  mock: {{adapter: openai_compatible, base_url: '{upstream.url}/v1', model: mock-1, max_running: 4096,\n"
        "         price: {input_usd_per_mtok: '2.5', output_usd_per_mtok: '10'}}\n"
        "  claude: {adapter: anthropic, model: claude-sonnet-4-5, key_env: BENCH_KEY}\n"
        "  gpt: {adapter: openai, model: gpt-4o-2024-11-20, key_env: BENCH_KEY}\n"
        "models:\n"
        "  chat: {backends: [{use: mock}, {use: claude}, {use: gpt}]}\n"
        "default_model: chat\n"
    )
    environment = {
        "TRIMARAN_PORT": "{port}",
        "TRIMARAN_ROUTES_YAML": routes.replace("{", "{{").replace("}", "}}"),
        "TRIMARAN_ENGINE": "none",
        "BENCH_KEY": "unused",
    }
    return machine.running("app.main", core=SERVER_CORE, ready="/health/ready", environment=environment)


def drive(port: int, *, stream: bool, connections: int, seconds: float, **more: Any) -> load.Seen:
    """Callers in a process of their own; their errors end the run: a wrong answer is not a fast one."""
    options = {"port": port, "core": CALLER_CORE, "stream": stream, "connections": connections, "seconds": seconds}
    command = [sys.executable, "-m", "benchmarks.gateway.load", json.dumps(options | more)]
    done = subprocess.run(command, cwd=machine.ROOT, capture_output=True, text=True, timeout=seconds + 120)
    if done.returncode:
        raise RuntimeError(done.stderr)
    seen = load.Seen(**json.loads(done.stdout))
    if seen.errors:
        raise RuntimeError(f"{seen.errors} callers saw an error")
    return seen


def percentile_ms(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * share))] * 1000


def requests_per_s(results: Results, servers: dict[str, machine.Running], seconds: float, repeats: int) -> None:
    """In many short rounds, each with a ratio of its own: what slows the machine for a second slows all that stand in one round."""
    rounds: list[dict[str, float]] = []
    single: dict[str, list[float]] = {name: [] for name in SERVERS}
    for _ in range(repeats * ROUNDS):
        rates = {}
        for name in SERVERS:
            seen = drive(servers[name].port, stream=False, connections=32, seconds=seconds / ROUNDS)
            rates[name] = seen.requests / seen.seconds
        rounds.append(rates)
    for _ in range(repeats):
        for name in SERVERS:
            one = drive(servers[name].port, stream=False, connections=1, seconds=seconds / 2)
            single[name].append(percentile_ms(one.whole_s, 0.5))
    for name in SERVERS:
        results.add(f"requests at 32 connections, {name}", statistics.median(each[name] for each in rounds), "per s")
    for name, least in (("bare FastAPI", 80), ("bare ASGI", 35)):
        ratio = statistics.median(each["trimaran"] / each[name] for each in rounds)
        results.at_least(f"… of {name}", 100 * ratio, least, "%")
    add_latency(results, servers, single, seconds)


def add_latency(
    results: Results, servers: dict[str, machine.Running], single: dict[str, list[float]], seconds: float
) -> None:
    direct = drive(servers["upstream"].port, stream=False, connections=1, seconds=seconds / 2)
    added = statistics.median(single["trimaran"]) - percentile_ms(direct.whole_s, 0.5)
    results.at_most("added at one connection, p50", added, 1.2, "ms")


def bursts(results: Results, servers: dict[str, machine.Running], seconds: float, repeats: int) -> None:
    rates: dict[str, list[float]] = {name: [] for name in SERVERS}
    events_per_read = 0.0
    for _ in range(repeats):
        for name in SERVERS:
            seen = drive(servers[name].port, stream=True, connections=64, seconds=seconds, chunks=100)
            rates[name].append(seen.chunks / seen.seconds)
            events_per_read = seen.chunks / max(1, seen.reads)
    middle = {name: statistics.median(values) for name, values in rates.items()}
    for name in SERVERS:
        results.add(f"burst chunks at 64 streams, {name}", middle[name], "per s")
    results.add("… events per read", events_per_read, "events")
    results.at_least("… of bare ASGI", 100 * middle["trimaran"] / middle["bare ASGI"], 60, "%")


def paced(results: Results, servers: dict[str, machine.Running], seconds: float) -> None:
    """256 streams of 50 chunks per second, their starts spread over one second."""
    chunks = int((seconds - 1) * 50)
    shape: dict[str, Any] = {
        "stream": True,
        "connections": 256,
        "seconds": 0.5,
        "chunks": chunks,
        "delay_ms": 20,
        "stagger_s": 1.0,
    }
    direct = drive(servers["upstream"].port, **shape)
    before = servers["trimaran"].cpu_s()
    seen = drive(servers["trimaran"].port, **shape)
    cpu_us = (servers["trimaran"].cpu_s() - before) / seen.chunks * 1e6
    results.at_least("paced streams, of what was offered", 100 * _per_s(seen) / _per_s(direct), 98, "%")
    for share, bound in ((0.5, 5), (0.99, 40)):
        added = percentile_ms(seen.first_s, share) - percentile_ms(direct.first_s, share)
        results.at_most(f"… added first token, p{share * 100:g}", added, bound, "ms")
    results.at_most("… processor time per chunk", cpu_us, 75, "µs")


def _per_s(seen: load.Seen) -> float:
    return seen.chunks / statistics.fmean(seen.whole_s)


def starts(results: Results, upstream: machine.Running) -> None:
    times, sizes = [], []
    for _ in range(5):
        with app(upstream) as started:
            times.append(started.started_in_s)
            sizes.append(started.resident_mib())
    results.at_most("start to ready, p50 of 5", statistics.median(times), 1.5, "s")
    results.at_most("… resident", statistics.median(sizes), 120, "MiB")


def leaving(results: Results, upstream: machine.Running, server: machine.Running) -> None:
    """The caller closes in the middle of an answer; the upstream tells when its own connection was closed."""
    for stream in (True, False):
        left_at = asyncio.run(_leave(server.port, stream=stream, times=20))
        time.sleep(0.5)
        with urllib.request.urlopen(f"{upstream.url}/closed") as answer:
            closed = json.load(answer)[-len(left_at) :]
        worst = max(at - left for at, left in zip(closed, left_at, strict=True)) * 1000
        results.at_most(
            f"caller leaves {'a stream' if stream else 'a whole answer'}: upstream closed", worst, 100, "ms"
        )


async def _leave(port: int, *, stream: bool, times: int) -> list[float]:
    left = []
    for _ in range(times):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(load.request(stream=stream, chunks=1000, delay_ms=20 if stream else 5000))
        if stream:
            async with asyncio.timeout(5):  # an error answer has no such word
                await reader.readuntil(b"word")
        else:
            await asyncio.sleep(0.1)
        left.append(time.monotonic())
        writer.close()
        await asyncio.sleep(0.15)
    return left


def crowds(results: Results, server: machine.Running) -> None:
    """A thousand open streams on one worker."""
    seen = drive(server.port, stream=True, connections=1000, seconds=0.5, chunks=40, delay_ms=200, stagger_s=2.0)
    results.at_least("open streams at once without an error", seen.requests, 1000, "streams")


def growth(results: Results, server: machine.Running, requests: tuple[int, int]) -> None:
    """Resident memory between the 20,000th and the 100,000th request."""
    sizes = []
    done = 0
    for goal in requests:
        while done < goal:
            done += drive(server.port, stream=done % 2 == 0, connections=32, seconds=2, chunks=5).requests
        sizes.append((done, server.resident_mib()))
    grown_mib = sizes[1][1] - sizes[0][1]
    results.at_most(f"growth from {sizes[0][0]:,} to {sizes[1][0]:,} requests", grown_mib, 8, "MiB")
    results.at_most("… per request", grown_mib * 2**20 / (sizes[1][0] - sizes[0][0]), 20, "bytes")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=4, help="how long each server is driven at a time")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--growth", action="store_true", help="the 100,000 requests too (a minute or two)")
    options = parser.parse_args()
    results = Results()
    with all_servers() as (upstream, servers):
        servers["upstream"] = upstream
        starts(results, upstream)
        requests_per_s(results, servers, options.seconds, options.repeats)
        bursts(results, servers, options.seconds, options.repeats)
        paced(results, servers, 6)
        leaving(results, upstream, servers["trimaran"])
        crowds(results, servers["trimaran"])
        if options.growth:
            growth(results, servers["trimaran"], (20_000, 100_000))
    show(results, "Gateway", REPORT)


if __name__ == "__main__":
    main()
