"""The whole app on a real port, in the test's own event loop, so that a test can look into it and shorten its times."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from app.api.completions import Timing
from app.api.entrypoints import entrypoints
from app.api.keys import Keys
from app.api.lifecycle import Lifecycle
from app.api.listen import Server, sockets
from app.api.socket_session import SocketLimits
from app.logic import routes
from app.main import Parts, application
from app.settings import from_environment
from tests.api.upstream import Upstream

MESSAGES = [{"role": "user", "content": "hi"}]
CHAT: dict[str, Any] = {"messages": MESSAGES}
STREAM: dict[str, Any] = {"messages": MESSAGES, "stream": True}
PRICE = "price: {input_usd_per_mtok: '2', output_usd_per_mtok: '10'}"


class InProcess(Server):
    """Leaves the signals of the test process alone, and looks more often whether it is to stop."""

    async def main_loop(self) -> None:
        while not await self.on_tick(0):
            await asyncio.sleep(0.005)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class App:
    """The running app and a client for it."""

    def __init__(self, parts: Parts, server: Server, listening: socket.socket) -> None:
        self.parts = parts
        self.server = server
        self.port: int = listening.getsockname()[1]
        self.client = aiohttp.ClientSession(self.url)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def lifecycle(self) -> Lifecycle:
        return self.parts.lifecycle

    def post(self, body: Mapping[str, Any], path: str = "/v1/chat/completions", **options: Any) -> Any:
        return self.client.post(path, json=body, **options)

    def get(self, path: str, **options: Any) -> Any:
        return self.client.get(path, **options)

    async def metric(self, name: str) -> dict[str, float]:
        """The samples whose line starts with ``name``, by that line's labels."""
        async with self.get("/metrics") as response:
            lines = (await response.text()).splitlines()
        found = [line.rpartition(" ") for line in lines if line.startswith(name)]
        return {labels.removeprefix(name): float(value) for labels, _, value in found}


def routes_to(*upstreams: Upstream, limits: str = "{}", last_resort: Upstream | None = None) -> str:
    every = [*upstreams, *([last_resort] if last_resort else [])]
    named = "\n".join(
        f"  up{number}: {{adapter: openai_compatible, base_url: '{each.url}', model: mock-1, {PRICE}}}"
        for number, each in enumerate(every)
    )
    when_down = f"when_down: [up{len(upstreams)}], " if last_resort else ""
    uses = ", ".join(f"{{use: up{number}}}" for number in range(len(upstreams)))
    return (
        f"version: 1\nbackends:\n{named}\n"
        f"models: {{chat: {{backends: [{uses}], {when_down}limits: {limits}}}}}\ndefault_model: chat\n"
    )


@asynccontextmanager
async def serving(
    *upstreams: Upstream,
    limits: str = "{}",
    last_resort: Upstream | None = None,
    environment: Mapping[str, str] | None = None,
    timing: Timing | None = None,
    socket_limits: SocketLimits | None = None,
    metrics_port: bool = False,
    routes_text: str = "",
) -> AsyncIterator[App]:
    """The app with one model, `chat`, for which ``upstreams`` answer in order, or with the routes in ``routes_text``."""
    given = {"TRIMARAN_DRAIN_S": "5", "TRIMARAN_REVISION": "r1", **(environment or {})}
    settings = from_environment(given)
    parts = Parts(
        settings=settings,
        entry=entrypoints.read(settings, given),
        environment=given,
        routes=routes.parse(routes_text or routes_to(*upstreams, limits=limits, last_resort=last_resort), "test"),
        keys=Keys(settings.api_keys.get_secret_value(), settings.api_keys_file),
        lifecycle=Lifecycle(quiet_s=0),
        timing=timing or Timing(),
        socket_limits=socket_limits or SocketLimits(),
    )
    with sockets([("TEST", "127.0.0.1", 0)] * (2 if metrics_port else 1)) as listening:
        if metrics_port:
            parts.inspection_port = listening[1].getsockname()[1]
        server = InProcess(lambda: application(parts), parts.lifecycle, settings.drain_s)
        running = asyncio.create_task(server.serve(listening))
        while not server.started:
            await asyncio.sleep(0.005)
            if running.done():
                await running
        app = App(parts, server, listening[0])
        try:
            yield app
        finally:
            await app.client.close()
            server.should_exit = True
            await running


async def until(condition: Callable[[], Any]) -> None:
    """Returns when ``condition()`` is true, however long the machine takes and whatever the clock of the test says."""
    while not condition():
        await moment()


async def settled() -> None:
    """Returns when whatever was under way between the sockets of this process has arrived: by turns of the event loop, not by time."""
    for _ in range(20):
        await moment()


async def at_rest(value: Callable[[], Any]) -> None:
    """Returns when ``value()`` has stayed the same for a while in which the event loop was free to change it."""
    before, looks = value(), 0
    while looks < 50:
        await moment(0.01)
        before, looks = (before, looks + 1) if value() == before else (value(), 0)


async def moment(real_s: float = 0.002) -> None:
    """Leaves the event loop to the others for a moment, which a clock that stands still cannot measure."""
    await asyncio.get_running_loop().run_in_executor(None, time.sleep, real_s)
