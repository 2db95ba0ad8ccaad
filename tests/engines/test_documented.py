"""The commands of docs/engines.md, run as they stand there, with the scripted `vllm` on PATH."""

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
BLOCK = "".join(re.findall(r"```bash\n(.*?)```", PAGE.read_text(), re.DOTALL))


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
        return port


@contextmanager
def typed(commands: str, environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """The commands in a shell, which ends like with Ctrl-C."""
    passed = {name: value for name, value in os.environ.items() if not name.startswith("TRIMARAN_")}
    shell = subprocess.Popen(
        ["bash", "-ec", commands],
        cwd=ROOT,
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


async def asked(url: str) -> Any:
    async with aiohttp.ClientSession() as http, http.post(f"{url}/v1/chat/completions", json=CHAT) as answer:
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


async def _answer(url: str) -> Any:
    """The first answer, and not a refusal: requests wait for the model to load."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            with contextlib.suppress(aiohttp.ClientError):
                if (answer := await asked(url)) is not None:
                    return answer
            await asyncio.sleep(0.1)
