"""``python -m benchmarks.vllm``: what the app takes from the speed of a real vLLM, for one caller and for sixteen.

vLLM runs on the processor, so app, callers and model share its cores: on a GPU the app takes less. ``tools/vllm.sh`` brings vLLM (5.9 GB).
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from benchmarks import machine
from benchmarks.results import Results, show

MODEL = "HuggingFaceTB/SmolLM2-135M-Instruct"
REPORT = Path(".trimaran/reports/vllm.json")
READY_WITHIN_S = 600
ARGUMENTS = ("--served-model-name", MODEL, "--max-model-len", "2048", "--enforce-eager", "--host", "127.0.0.1")


def streamed(url: str, number: int, tokens: int) -> int:
    """Asks for ``tokens`` tokens as a stream and says how many came, by the usage. Each ``number`` asks something else."""
    body = {
        "model": MODEL,
        "messages": [
            {"role": "user", "content": f"Write a long story, number {number}, about the sea and its people."}
        ],
        "max_tokens": tokens,
        "temperature": 0,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    request = urllib.request.Request(
        f"{url}/v1/chat/completions", json.dumps(body).encode(), {"content-type": "application/json"}
    )
    usage: dict[str, int] = {}
    with urllib.request.urlopen(request, timeout=300) as answer:
        for line in answer:
            if line.startswith(b"data: {"):
                usage = json.loads(line[6:]).get("usage") or usage
    return usage["completion_tokens"]


def tokens_per_s(url: str, streams: int, tokens: int) -> float:
    """The tokens of all streams over the time that they took together."""
    started = time.monotonic()
    with ThreadPoolExecutor(streams) as callers:
        came = sum(callers.map(lambda number: streamed(url, number, tokens), range(streams)))
    return came / (time.monotonic() - started)


def share(directly: Callable[[], float], through: Callable[[], float], pairs: int) -> tuple[float, float, float]:
    """Medians of both speeds, and of their ratio in percent, pair by pair; who begins alternates."""
    speeds: list[tuple[float, float]] = []
    for number in range(pairs):
        if number % 2:
            second = through()
            speeds.append((directly(), second))
        else:
            speeds.append((directly(), through()))
    here, there = zip(*speeds, strict=True)
    return statistics.median(here), statistics.median(there), statistics.median(100 * b / a for a, b in speeds)


@contextmanager
def model_server(home: Path) -> Iterator[str]:
    """A real vLLM on a free port; its address."""
    port = machine.free_port()
    environment = {
        **os.environ,
        "PATH": f"{home}/venv/bin:{os.environ['PATH']}",
        "VLLM_CPU_KVCACHE_SPACE": "1",
        "VLLM_NO_USAGE_STATS": "1",
        "HF_HUB_OFFLINE": "1",
    }
    command = [f"{home}/venv/bin/vllm", "serve", f"{home}/model", *ARGUMENTS, "--port", str(port)]
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT)
        try:
            machine.await_ready(f"http://127.0.0.1:{port}/health", process, time.monotonic() + READY_WITHIN_S)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(60)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=10)
    parser.add_argument("--tokens", type=int, default=128)
    parser.add_argument("--streams", type=int, nargs="+", default=[1, 16])
    options = parser.parse_args()
    results = Results()
    made = subprocess.run(["tools/vllm.sh"], cwd=machine.ROOT, stdout=subprocess.PIPE, text=True, check=True)
    with model_server(Path(made.stdout.strip())) as vllm:
        routes = (
            (
                f"version: 1\nbackends: {{vllm: {{adapter: vllm, base_url: '{vllm}/v1', model: '{MODEL}'}}}}\n"
                f"models: {{'{MODEL}': {{backends: [{{use: vllm}}]}}}}\ndefault_model: '{MODEL}'\n"
            )
            .replace("{", "{{")
            .replace("}", "}}")
        )  # `running` fills in {port}
        environment = {"TRIMARAN_PORT": "{port}", "TRIMARAN_ENGINE": "none", "TRIMARAN_ROUTES_YAML": routes}
        with machine.running("app.main", ready="/health/live", environment=environment) as app:
            for streams in options.streams:
                here, there, percent = share(
                    partial(tokens_per_s, vllm, streams, options.tokens),
                    partial(tokens_per_s, app.url, streams, options.tokens),
                    options.pairs,
                )
                results.add(f"tokens per second at {streams}, vLLM asked directly", here, "per s")
                results.add(f"tokens per second at {streams}, through the app", there, "per s")
                results.at_least(f"… of vLLM's own speed at {streams}", percent, 97, "%")
    show(results, "A real vLLM behind the app", REPORT)


if __name__ == "__main__":
    main()
