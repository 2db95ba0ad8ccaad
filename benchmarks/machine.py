"""What a number was measured on, and the processes that are measured: started on a free port, on one core, ended by their own id."""

from __future__ import annotations

import contextlib
import os
import platform
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def facts() -> str:
    """One line on the machine: processor, cores, memory, kernel, Python."""
    model = next((line.split(":")[1].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")), "?")
    memory_gib = int(next(line.split()[1] for line in _lines("/proc/meminfo") if line.startswith("MemTotal"))) / 2**20
    return f"{model}, {os.cpu_count()} cores, {memory_gib:.0f} GiB, Linux {platform.release()}, Python {platform.python_version()}"


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines()


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@dataclass(frozen=True, slots=True)
class Running:
    """A measured process."""

    pid: int
    port: int
    started_in_s: float

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def cpu_s(self) -> float:
        """Processor time used so far, user and system, in seconds."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS_PER_S

    def resident_mib(self) -> float:
        line = next(line for line in _lines(f"/proc/{self.pid}/status") if line.startswith("VmRSS"))
        return int(line.split()[1]) / 1024


@contextlib.contextmanager
def running(
    module: str,
    arguments: Sequence[str] = (),
    *,
    ready: str,
    core: int | None = None,
    environment: Mapping[str, str] | None = None,
) -> Iterator[Running]:
    """Runs ``python -m module`` with "{port}" replaced, on one ``core`` or on all, from the moment when ``ready`` answers 200."""
    port = free_port()
    env = {**os.environ, **{name: value.format(port=port) for name, value in (environment or {}).items()}}
    command = [sys.executable, "-m", module, *(argument.format(port=port) for argument in arguments)]
    started = time.monotonic()
    process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.DEVNULL, preexec_fn=_stay_on(core))
    try:
        await_ready(f"http://127.0.0.1:{port}{ready}", process, started + 30)
        yield Running(process.pid, port, time.monotonic() - started)
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _stay_on(core: int | None) -> Callable[[], None] | None:
    return None if core is None else lambda: os.sched_setaffinity(0, {core})


def await_ready(url: str, process: subprocess.Popen[bytes], deadline: float) -> None:
    """Returns when ``url`` answers 200. Raises RuntimeError where the process ends first, or the clock passes ``deadline``."""
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"{process.args!r} ended with {process.returncode} before it was ready")
        try:
            with urllib.request.urlopen(url, timeout=1):
                return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.01)
    raise RuntimeError(f"{process.args!r} was not ready in time")
