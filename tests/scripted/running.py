"""The scripted engine as a process, and a routes file that leads to its models."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

from providers.machine.ports import free_port
from tests.scripted.models import MODELS

ROOT = Path(__file__).parents[2]
PRICE = {"input_usd_per_mtok": "1", "output_usd_per_mtok": "4"}


@contextmanager
def scripted_engine(seed: int = 1) -> Iterator[int]:
    """Runs while the block does; gives its port."""
    port = free_port()
    command = [sys.executable, "-m", "tests.scripted.engine", "--port", str(port), "--seed", str(seed)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            yield port
        finally:
            process.kill()


def routes(port: int, default: str = "steady") -> str:
    """A routes file with a model for each scripted one. What `faulty` does not answer, `steady` does."""
    backend = {"adapter": "vllm", "base_url": f"http://127.0.0.1:{port}/v1", "price": PRICE}
    document = {
        "version": 1,
        "backends": {name: {**backend, "model": name} for name in MODELS},
        "models": {name: {"backends": [{"use": use} for use in dict.fromkeys(_uses(name))]} for name in MODELS},
        "default_model": default,
    }
    return yaml.safe_dump(document, sort_keys=False)


def _uses(name: str) -> list[str]:
    return [name, "steady"] if MODELS[name].fault_share else [name]
