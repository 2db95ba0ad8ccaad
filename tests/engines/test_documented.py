"""The commands of docs/engines.md, run as they stand there: vLLM's with the scripted one on PATH, and LitServe's with the page's own pipeline."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiohttp

from tests.api.process import ROOT
from tests.clock import PATIENCE_S
from tests.engines.vllm_app import CHAT, Installed
from tests.faults.running import eventually

PAGE = ROOT / "docs/engines.md"
BLOCK, _, OWN = re.findall(r"```bash\n(.*?)```", PAGE.read_text(), re.DOTALL)  # vLLM, LitServe, a pipeline of one's own
[PIPELINE] = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
        return port


@contextmanager
def typed(commands: str, environment: dict[str, str], folder: Path = ROOT) -> Iterator[subprocess.Popen[bytes]]:
    """The commands in a shell, which ends like with Ctrl-C."""
    passed = {name: value for name, value in os.environ.items() if not name.startswith("TRIMARAN_")}
    shell = subprocess.Popen(
        ["bash", "-ec", commands],
        cwd=folder,
        env={**passed, **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        yield shell
    finally:
        os.killpg(shell.pid, signal.SIGINT)
        try:
            shell.communicate(timeout=20)
        except subprocess.TimeoutExpired:
            os.killpg(shell.pid, signal.SIGKILL)
            raise


async def asked(url: str, body: Any = CHAT) -> Any:
    async with aiohttp.ClientSession() as http, http.post(f"{url}/v1/chat/completions", json=body) as answer:
        return await answer.json() if answer.status == 200 else None


async def test_the_page_starts_vllm(tmp_path: Path) -> None:
    """With the model, its commit and the words that the page exports, and vLLM answers: not the embedded model."""
    installed = Installed(tmp_path)
    port = free_port()
    environment = {
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "TRIMARAN_DATA_DIR": str(tmp_path / "data"),
        "TRIMARAN_DRAIN_S": "0",
    }
    assert BLOCK.rstrip().endswith("./trimaran serve")
    with typed(f"{BLOCK.rstrip()} --port {port}", environment) as shell:
        started = eventually(lambda: shell.poll() is None and (tmp_path / "started.json").exists(), PATIENCE_S)
        assert started, (shell.stderr.read() if shell.stderr else b"").decode()
        argv = installed.started()["argv"]
        answer = await _answer(f"http://127.0.0.1:{port}")
    assert argv[:2] == ["serve", "Qwen/Qwen2.5-7B-Instruct"]
    assert argv[argv.index("--revision") + 1] in BLOCK
    assert argv[-4:] == ["--max-model-len", "16384", "--gpu-memory-utilization", "0.9"]
    assert answer["choices"][0]["message"]["content"].startswith("from ")


async def test_the_page_serves_a_pipeline_of_ones_own(tmp_path: Path) -> None:
    """The page's class, in a file beside the command, answers; and it has no more than thirty lines."""
    (tmp_path / "questions.py").write_text(PIPELINE)
    port = free_port()
    commands = OWN.rstrip().replace("./trimaran serve", f"{ROOT}/trimaran serve --port {port}")
    environment = {"TRIMARAN_DATA_DIR": str(tmp_path), "TRIMARAN_DRAIN_S": "0"}
    asking = {"messages": [{"role": "user", "content": "Where are you?"}]}
    with typed(commands, environment, tmp_path):
        answer = await _answer(f"http://127.0.0.1:{port}", asking)
    assert answer["choices"][0]["message"]["content"] == "At the harbour, next to the lighthouse."
    assert PIPELINE.count("\n") <= 30


async def _answer(url: str, body: Any = CHAT) -> Any:
    """The first answer, and not a refusal: requests wait for the model to load."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            with contextlib.suppress(aiohttp.ClientError):
                if (answer := await asked(url, body)) is not None:
                    return answer
            await asyncio.sleep(0.1)
