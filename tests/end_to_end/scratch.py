"""A copy of the tree with a state, a port and processes of its own, driven through the real command line."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import urllib.request
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPResponse
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, kw_only=True)
class Scratch:
    """The copy in `root`, whose stack `local` listens on `port`."""

    root: Path
    port: int

    @property
    def environment(self) -> dict[str, str]:
        """As the wrapper sets it, with a home that is not the user's."""
        path = os.pathsep.join((os.environ["PATH"], str(self.root / "tools/host")))
        return {
            **os.environ,
            "PATH": path,
            "PYTHONPATH": str(self.root),
            "PULUMI_HOME": str(self.root / ".pulumi-home"),
        }

    def command(self, *arguments: str) -> list[str]:
        return [str(self.root / ".venv/bin/python"), "-m", "delivery.cli", *arguments]

    def run(self, *arguments: str, status: int = 0) -> subprocess.CompletedProcess[str]:
        """Run a command to its end; it must end as expected."""
        done = subprocess.run(
            self.command(*arguments),
            cwd=self.root,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == status, f"{arguments}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start a command and go on."""
        return subprocess.Popen(
            self.command(*arguments),
            cwd=self.root,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def status(self, stack: str = "local") -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.run("status", stack, "--json").stdout)["stacks"][0]
        return found

    def app_pid(self, stack: str = "local") -> int:
        exported = json.loads(self.run("pulumi", "stack", "export", "--stack", stack).stdout)
        processes = [each for each in exported["deployment"]["resources"] if each["type"] == "machine:index:Process"]
        assert len(processes) == 1
        return int(processes[0]["outputs"]["pid"])

    def chat(self, key: str = "", **fields: Any) -> bytes:
        """Ask the app through its proxy, on a connection of its own."""
        with self._ask(key, fields) as answer:
            return bytes(answer.read())

    def revision_that_answers(self) -> str:
        """Ask for a token or two; which revision of the app gave them."""
        with self._ask("", {"max_tokens": 2}) as answer:
            json.loads(answer.read())
            return str(answer.headers["x-revision"])

    def _ask(self, key: str, fields: dict[str, Any]) -> HTTPResponse:
        body = {"messages": [{"role": "user", "content": "Say hello."}], "max_tokens": 8, **fields}
        headers = {"content-type": "application/json"} | ({"authorization": f"Bearer {key}"} if key else {})
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/v1/chat", json.dumps(body).encode(), headers)
        answer: HTTPResponse = urllib.request.urlopen(request, timeout=60)
        return answer

    def processes(self) -> list[psutil.Process]:
        """Everything on this machine that runs out of the copy."""
        return [each for each in psutil.process_iter() if _is_of(each, str(self.root))]

    def end(self) -> None:
        """Whatever a failed test left running."""
        for process in self.processes():
            with suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGKILL)


def copy_tree(target: Path, port: int) -> Scratch:
    """What git would commit of the working tree, with the environment of the original."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, target / name)
    (target / ".venv").symlink_to(Path(sys.prefix))
    example = target / "stacks/environments/Pulumi.local.example.yaml"
    example.write_text(example.read_text().replace('trimaran:port: "8080"', f'trimaran:port: "{port}"'))
    return Scratch(root=target, port=port)


def _is_of(process: psutil.Process, root: str) -> bool:
    with suppress(psutil.Error):
        return process.pid != os.getpid() and (process.cwd().startswith(root) or root in " ".join(process.cmdline()))
    return False
