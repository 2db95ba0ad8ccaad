"""``python -m benchmarks.local``: what a person waits for on this machine, and what nginx and the app take from the model's speed.

Works on a copy of the tree with a state and a port of its own. Run it through ``./trimaran test`` once before, so that everything is there.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import tempfile
import time
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path

from app.engines.embedded import EmbeddedEngine
from benchmarks import machine
from benchmarks.results import Results, show
from providers.machine.ports import free_port
from tests.end_to_end.scratch import Scratch, copy_tree

MODEL = "smollm2-135m-instruct"
REPORT = Path(".trimaran/reports/local.json")


def stream(url: str, path: str, headers: Mapping[str, str], tokens: int) -> tuple[float, float]:
    """Asks for ``tokens`` tokens; seconds to the first one, and tokens per second from there to the last."""
    body = {
        "model": MODEL if headers else "chat",
        "messages": [{"role": "user", "content": "Write a long story about the sea and the people who live by it."}],
        "max_tokens": tokens,
        "temperature": 0,
        "stream": True,
    }
    request = urllib.request.Request(
        url + path, json.dumps(body).encode(), {"content-type": "application/json", **headers}
    )
    started = time.monotonic()
    with urllib.request.urlopen(request, timeout=120) as answer:
        moments = [time.monotonic() for line in answer if line.startswith(b"data: ") and b'"content":"' in line]
    return moments[0] - started, (len(moments) - 1) / (moments[-1] - moments[0])


def seconds(act: Callable[[], object]) -> float:
    started = time.monotonic()
    act()
    return time.monotonic() - started


def waiting(results: Results, scratch: Scratch) -> None:
    """`up` from nothing running to the first token, and `up` with nothing to do."""
    scratch.run("up")
    scratch.run("down")
    up_s = seconds(lambda: scratch.run("up"))
    first_s, _ = stream(f"http://127.0.0.1:{scratch.port}", "/v1/chat/completions", {}, 5)
    results.at_most("`up` from nothing running to the first token", up_s + first_s, 10, "s")
    results.at_most(
        "second `up`, no changes", statistics.median([seconds(lambda: scratch.run("up")) for _ in range(3)]), 5, "s"
    )
    results.add("`down`", seconds(lambda: scratch.run("down")), "s")


def app_alone(results: Results) -> None:
    """The app's own process, without counting the engine's."""
    times, sizes = [], []
    for _ in range(5):
        with machine.running("app.main", core=1, ready="/health/ready", environment={"TRIMARAN_PORT": "{port}"}) as app:
            times.append(app.started_in_s)
            sizes.append(app.resident_mib())
    results.at_most("app ready with its model loaded, p50 of 5", statistics.median(times), 1.5, "s")
    results.at_most("… resident without the engine", statistics.median(sizes), 120, "MiB")


async def speed(results: Results, scratch: Scratch, repeats: int, tokens: int) -> None:
    """The same engine asked directly and through nginx and the app, in turn."""
    engine = EmbeddedEngine(MODEL)
    engine.start()
    try:
        async with asyncio.timeout(30):
            while engine.base_url is None:
                await asyncio.sleep(0.05)
        directly, through = await asyncio.to_thread(_both, scratch, engine, engine.base_url, repeats, tokens)
    finally:
        await engine.aclose()
    results.add("tokens per second, the engine asked directly", statistics.median(directly), "per s")
    results.add("tokens per second, through nginx and the app", statistics.median(through), "per s")
    share = statistics.median(100 * there / here for here, there in zip(directly, through, strict=True))
    results.at_least("… of the engine's own speed", share, 95, "%")


def _both(
    scratch: Scratch, engine: EmbeddedEngine, engine_url: str, repeats: int, tokens: int
) -> tuple[list[float], list[float]]:
    (scratch.root / "routes.yaml").write_text(
        f"version: 1\nbackends: {{engine: {{adapter: llama_cpp, base_url: '{engine_url}', model: {MODEL}, key_env: ENGINE_KEY}}}}\n"
        "models: {chat: {backends: [{use: engine}]}}\ndefault_model: chat\n"
    )
    os.environ["ENGINE_KEY"] = engine.headers["authorization"].removeprefix("Bearer ")
    scratch.run("pulumi", "config", "set", "trimaran:routes", "routes.yaml", "--stack", "local")
    scratch.run("pulumi", "config", "rm", "trimaran:settings", "--stack", "local")
    scratch.run("up")
    directly, through = [], []
    for _ in range(repeats):
        directly.append(stream(engine_url.removesuffix("/v1"), "/v1/chat/completions", engine.headers, tokens)[1])
        through.append(stream(f"http://127.0.0.1:{scratch.port}", "/v1/chat/completions", {}, tokens)[1])
    scratch.run("down")
    return directly, through


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--tokens", type=int, default=300)
    options = parser.parse_args()
    results = Results()
    with tempfile.TemporaryDirectory() as directory:
        scratch = copy_tree(Path(directory), free_port())
        try:
            waiting(results, scratch)
            app_alone(results)
            asyncio.run(speed(results, scratch, options.repeats, options.tokens))
        finally:
            scratch.end()
    show(results, "On this machine", REPORT)


if __name__ == "__main__":
    main()
