"""The compose files' topology, started in the order that they ask for: each service when those it depends on are healthy."""

from __future__ import annotations

import asyncio
import json
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import psutil

from tests.api.upstream import Script, Upstream, complete, ending
from tests.containers import compose
from tests.containers.network import Network, network
from tests.containers.sandbox import Sandbox

APP = "llm-api"
NGINX = "nginx"
MODEL_HOST, MODEL_PORT = "127.0.0.9", 9000
_HOSTS = {APP: ["127.0.0.2"], "redis": ["127.0.0.5"]}
_PORTS = {APP: 8000, "redis": 6379, NGINX: 8080}
_PATIENCE_S = 60
_LIMITS = "{connect_s: 1, first_token_s: 30, between_tokens_s: 30}"
# One model, a server of the test's.
ROUTES = f"""
version: 1
backends: {{up: {{adapter: openai_compatible, base_url: 'http://{MODEL_HOST}:{MODEL_PORT}/v1', model: mock-1}}}}
models: {{chat: {{backends: [{{use: up}}], limits: {_LIMITS}}}}}
default_model: chat
"""


class Topology:
    """``running``: the processes by what they are called."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.running: dict[str, subprocess.Popen[bytes]] = {}

    @property
    def network(self) -> Network:
        return self.sandbox.network

    def start(self, name: str, *, called: str = "", changed: Mapping[str, str] | None = None) -> None:
        self.running[called or name] = self.sandbox.start(name, called=called, changed=changed)

    def kill(self, called: str) -> None:
        """As hard as can be, and all that it has started with it: when this returns nothing takes a connection any more."""
        process = self.running.pop(called)
        if process.poll() is None:
            # The first of its own processes: with it the kernel ends all others.
            for first in psutil.Process(process.pid).children():
                first.kill()
        process.wait(_PATIENCE_S)

    def wait(self, called: str, is_so: Callable[[], bool]) -> None:
        """Returns when ``is_so``. Raises AssertionError with what the service has written, where it ends first or takes too long."""
        deadline = time.monotonic() + _PATIENCE_S
        while not is_so():
            process = self.running[called]
            if process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"{called}, exit {process.returncode}: {self.sandbox.log_of(called).read_text()}")
            time.sleep(0.05)

    def healthy(self, called: str) -> None:
        """Returns when the service is so by its own check, which is a program, and not run before anything listens."""
        self.wait(called, lambda: self.answers(_PORTS[called]) and self.sandbox.is_healthy(called))

    def answers(self, port: int, host: str = "127.0.0.1") -> bool:
        try:
            self.network.connected(port, host).close()
        except OSError:
            return False
        return True

    def client(self, port: int = 8080) -> aiohttp.ClientSession:
        """Calls what is published, from outside."""

        connector = aiohttp.TCPConnector(socket_factory=lambda address: self.network.opened())
        return aiohttp.ClientSession(f"http://127.0.0.1:{port}", connector=connector)


def started(topology: Topology) -> None:
    """As `up --wait` does. What a second replica needs is left to the caller."""
    topology.start("redis-password")
    assert topology.running.pop("redis-password").wait(20) == 0
    for name in ("redis", APP, NGINX):
        topology.start(name)
        topology.healthy(name)


@contextmanager
def made(
    folder: Path, environment: Mapping[str, str], *overlays: str, hosts: Mapping[str, list[str]] | None = None
) -> Iterator[Topology]:
    """A topology of which nothing runs yet; all of it ends with the block."""
    names = [f"{address} {name}" for name, addresses in (_HOSTS | dict(hosts or {})).items() for address in addresses]
    (folder / "hosts").write_text("\n".join(["127.0.0.1 localhost", *names, ""]))
    with network() as inside:
        topology = Topology(Sandbox(topology=compose.read(environment, *overlays), network=inside, folder=folder))
        try:
            yield topology
        finally:
            for called in list(topology.running):
                topology.kill(called)


def with_routes(folder: Path, routes: str = ROUTES) -> dict[str, str]:
    """The variable that names a routes file."""
    file = folder / "routes.yaml"
    file.write_text(routes)
    return {"TRIMARAN_ROUTES": str(file)}


@asynccontextmanager
async def model(topology: Topology, script: Script = complete) -> AsyncIterator[Upstream]:
    """The model server of ``ROUTES``."""
    serving = Upstream(script=script)
    server = await asyncio.start_server(
        serving.serve, sock=topology.network.listening(MODEL_PORT, MODEL_HOST), limit=2**22
    )
    async with ending(server):
        yield serving


def logged(topology: Topology, called: str = APP) -> list[dict[str, Any]]:
    """The app's log."""
    return [json.loads(line) for line in topology.sandbox.log_of(called).read_text().splitlines()]
