"""The app with a vLLM that is no script: the build for CPUs that tools/vllm.sh provides, with the embedded model's weights."""

from __future__ import annotations

import os
import platform
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from tests.faults.running import ROOT, App, eventually, running

MODEL = "HuggingFaceTB/SmolLM2-135M-Instruct"
# Without --enforce-eager it compiles the model first, which takes minutes.
ARGS = "--max-model-len 2048 --enforce-eager --enable-auto-tool-choice --tool-call-parser hermes"
ROUTES = (
    f"version: 1\nbackends: {{own: {{adapter: vllm, model: '{MODEL}'}}}}\n"
    "models: {chat: {backends: [{use: own}], limits: {first_token_s: 300, between_tokens_s: 120}}}\ndefault_model: chat\n"
)
LOADS_S = 600.0  # on two busy cores; a minute on idle ones

only_on_linux = pytest.mark.skipif(
    platform.system() != "Linux" or platform.machine() != "x86_64", reason="vLLM for CPUs is built for Linux on x86_64"
)


def provided(tool: str = "tools/vllm.sh") -> Path:
    """The folder with `venv` and `model`, which are made where they are not there. Raises AssertionError with what the tool said."""
    done = subprocess.run([tool], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return Path(done.stdout.strip())


@contextmanager
def app_with_vllm(home: Path, cache_gib: int = 1) -> Iterator[App]:
    """The app, listening; ``cache_gib``: memory that vLLM sets aside for what it has read."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {
            "PATH": f"{home}/venv/bin:{os.environ['PATH']}",
            "HOME": folder,
            "TRIMARAN_ENGINE": "vllm",
            "TRIMARAN_ENGINE_MODEL": MODEL,
            "TRIMARAN_ENGINE_WEIGHTS": f"{home}/model",
            "TRIMARAN_ENGINE_ARGS": ARGS,
            "TRIMARAN_DATA_DIR": folder,
            "VLLM_CPU_KVCACHE_SPACE": str(cache_gib),
        }
        with running(ROUTES, environment, loads=True, may_end=True) as app:
            yield app


def said(app: App, text: str, within_s: float = LOADS_S) -> str:
    """The first line of the app's log that holds ``text``, as soon as it is there."""
    return eventually(lambda: next((line for line in app.log.read_text().splitlines() if text in line), ""), within_s)


def starts(app: App) -> int:
    """How often vLLM has become ready."""
    return app.log.read_text().count("is ready at ")


def processes(app: App) -> dict[str, psutil.Process]:
    """What runs below the app, each by the word that tells it: the server, the engine's core, the worker."""
    words = {"server": "/vllm serve ", "core": "VLLM::EngineCore", "worker": "VLLM::Worker"}
    below = [(" ".join(each.cmdline()), each) for each in psutil.Process(app.pid).children(recursive=True)]
    return {name: each for name, word in words.items() for line, each in below if word in line}
