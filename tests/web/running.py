"""The real app in a process of its own, on a free port."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from providers.machine.ports import free_port

ROOT = Path(__file__).resolve().parents[2]
START_S = 60.0


@dataclass(frozen=True, slots=True)
class App:
    url: str
    log: Path

    def requests(self) -> list[dict[str, Any]]:
        """The log lines of the requests that are over."""
        lines = (json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{"))
        return [line for line in lines if line["logger"] == "app.request"]

    def logged(self, *, outcome: str, within_s: float = 60.0) -> dict[str, Any]:
        """The last request's line, once it has this outcome."""
        end = time.monotonic() + within_s
        while time.monotonic() < end:
            if (found := self.requests()) and found[-1]["outcome"] == outcome:
                return found[-1]
            time.sleep(0.05)
        raise AssertionError(f"no request with outcome {outcome}:\n{self.log.read_text()}")


@contextmanager
def running(log: Path, **settings: str) -> Iterator[App]:
    """The app with ``settings`` as TRIMARAN_… variables, ready to answer."""
    port = free_port()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TRIMARAN_")}
    environment |= {f"TRIMARAN_{name}": value for name, value in settings.items()} | {"TRIMARAN_PORT": str(port)}
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "app.main"], cwd=ROOT, env=environment, stdout=output, stderr=output
        )
    try:
        app = App(f"http://127.0.0.1:{port}", log)
        _wait_until_ready(app, process)
        yield app
    finally:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_ready(app: App, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + START_S
    while time.monotonic() < end and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{app.url}/health/ready", timeout=5):
                return
        except OSError:
            time.sleep(0.05)
    raise AssertionError(f"the app did not become ready:\n{app.log.read_text()}")
