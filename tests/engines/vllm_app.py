"""The app with its own vLLM, a process as a person would start it, and the scripted `vllm` on its PATH."""

from __future__ import annotations

import json
import os
import shutil
import stat
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from tests.api.process import Process, start
from tests.clock import PATIENCE_S
from tests.faults.running import eventually

MODEL = "Qwen/Qwen2.5-0.5B-Instruct"
REVISION = "7ae557604adf67be50417f59c2c2f167def9a775"
ARGS = "--tensor-parallel-size 1 --max-model-len 16384 --max-num-seqs 16 --gpu-memory-utilization 0.9"
CHAT = {"messages": [{"role": "user", "content": "Who are you?"}]}


class Installed:
    """A folder for PATH with a program `vllm` in it, and what that wrote down when it was started."""

    def __init__(self, folder: Path, *, loads_s: float = 0.0, fails: bool = False) -> None:
        self.folder = folder
        program = folder / "vllm"
        source = Path(__file__).with_name("scripted_vllm.py").read_text()
        program.write_text(f"#!{sys.executable}\n{source}")
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        self.script(loads_s=loads_s, fails=fails)

    def script(self, *, loads_s: float = 0.0, fails: bool = False, says: Sequence[str] = ()) -> None:
        (self.folder / "script.json").write_text(json.dumps({"loads_s": loads_s, "fails": fails, "says": says}))

    def started(self) -> dict[str, Any]:
        """argv, environment's names, pid, and the pid of the engine process."""
        return eventually(self._started, PATIENCE_S)

    def _started(self) -> dict[str, Any] | None:
        try:
            return dict(json.loads((self.folder / "started.json").read_text()))
        except (FileNotFoundError, ValueError):
            return None

    @property
    def terminated(self) -> bool:
        return (self.folder / "terminated").exists()

    def environment(self, data_dir: Path, given: Mapping[str, str] | None = None) -> dict[str, str]:
        return {
            "PATH": f"{self.folder}:{os.environ['PATH']}",
            "TRIMARAN_PORT": "0",
            "TRIMARAN_ENGINE": "vllm",
            "TRIMARAN_ENGINE_MODEL": MODEL,
            "TRIMARAN_ENGINE_REVISION": REVISION,
            "TRIMARAN_ENGINE_ARGS": ARGS,
            "TRIMARAN_DATA_DIR": str(data_dir),
            "TRIMARAN_API_KEYS": "me=sk-of-the-app",
            **(given or {}),
        }


@asynccontextmanager
async def running(environment: Mapping[str, str]) -> AsyncIterator[Process]:
    """The app, listening; what it started is gone afterwards."""
    started = await start(environment)
    process = Process(started)
    try:
        listening = await process.logged("listening")
        process.port = int(listening["message"].rpartition(" ")[2])
        yield process
    finally:
        if started.returncode is None:
            started.kill()
        await started.communicate()


async def ready(app: Process) -> tuple[int, dict[str, Any]]:
    async with aiohttp.ClientSession() as http, http.get(f"{app.url}/health/ready") as answer:
        return answer.status, await answer.json()


async def asked(app: Process, body: Mapping[str, Any] = CHAT) -> tuple[int, str]:
    headers = {"authorization": "Bearer sk-of-the-app"}
    async with (
        aiohttp.ClientSession(headers=headers) as http,
        http.post(f"{app.url}/v1/chat/completions", json=body) as answer,
    ):
        return answer.status, await answer.text()


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


def without_vllm(folder: Path) -> str:
    """A PATH on which there is no `vllm`, with the one program that a shell script of ours may need."""
    sh = shutil.which("sh")
    assert sh is not None
    (folder / "sh").symlink_to(sh)
    return str(folder)
