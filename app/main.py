"""The composition root: reads the settings, puts the layers together, serves until told to stop."""

from __future__ import annotations

import asyncio
import gc
import os
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from fastapi import FastAPI
from starlette.types import ASGIApp

from app import logs
from app.api import listen
from app.api.completions import Timing
from app.api.defects import Defects
from app.api.entrypoints import entrypoints
from app.api.entrypoints.entrypoint import Callers, EntryPoint
from app.api.gate import Access
from app.api.keys import Keys, KeysError
from app.api.lifecycle import Lifecycle
from app.api.listen import PortTaken, Server
from app.api.metrics import Metrics
from app.api.origins import ANY, Origins
from app.api.request_log import RequestLog
from app.api.requests import Requests
from app.api.server import build
from app.api.socket_session import SocketLimits
from app.inference import adapters, http
from app.logic.record import Observer
from app.logic.routes import Routes, RoutesError
from app.memory import Ebb
from app.routing import Routing, read_routes
from app.secret_file import SecretFileError, read_secret
from app.settings import Settings, SettingsError, from_environment, is_loopback
from app.telemetry import export
from app.telemetry.export import TelemetryError

RELOAD_EVERY_S = 1.0


def main() -> None:
    try:
        settings = from_environment(os.environ)
        serve(settings, os.environ)
    except (SettingsError, SecretFileError, RoutesError, KeysError, TelemetryError, PortTaken) as error:
        sys.exit(f"trimaran: {error}")


def serve(settings: Settings, environment: Mapping[str, str]) -> None:
    """Runs the app until SIGTERM or SIGINT. Raises SettingsError, SecretFileError, RoutesError, KeysError, TelemetryError or PortTaken before it listens."""
    entry = entrypoints.read(settings, environment)
    keys = Keys(settings.api_keys.get_secret_value(), settings.api_keys_file)
    if entry.callers is Callers.ANYBODY and not (keys.required or settings.allow_no_keys):
        raise SettingsError(
            f"{entry.chosen_by} is open to others and no key is set: anybody could spend on your account.\n"
            "hint: set TRIMARAN_API_KEYS (lines name=key) or TRIMARAN_API_KEYS_FILE; TRIMARAN_ALLOW_NO_KEYS=1 allows it all the same"
        )
    parts = Parts(
        settings=settings,
        entry=entry,
        environment=environment,
        routes=read_routes(settings),
        keys=keys,
        redis_password=_redis_password(settings),
    )
    with logs.to_stdout(), listen.sockets(_addresses(settings, entry)) as sockets:
        if settings.metrics_port is not None:
            parts.inspection_port = sockets[1].getsockname()[1]
        server = Server(
            lambda: _settled(application(parts)),
            parts.lifecycle,
            entry.drain_s,
            on_hangup=lambda: parts.reload(True),
        )
        server.run(sockets)
    if not server.started:
        sys.exit(3)


def _redis_password(settings: Settings) -> str:
    """Empty where no file is named. Raises SecretFileError."""
    file = settings.redis_password_file
    return "" if file is None else read_secret("TRIMARAN_REDIS_PASSWORD_FILE", file)


def _addresses(settings: Settings, entry: EntryPoint) -> list[tuple[str, str, int]]:
    """Where to listen: the variable that says so, host and port."""
    addresses = [(entry.setting, entry.host, entry.port)]
    if settings.metrics_port is not None:
        addresses.append(("TRIMARAN_METRICS_PORT", settings.metrics_host, settings.metrics_port))
    return addresses


@dataclass(slots=True, kw_only=True)
class Parts:
    """What there is before the event loop runs."""

    settings: Settings
    entry: EntryPoint
    environment: Mapping[str, str]
    routes: Routes
    keys: Keys
    redis_password: str = field(default="", repr=False)
    lifecycle: Lifecycle = field(default_factory=Lifecycle)
    inspection_port: int | None = None
    reload: Callable[[bool], None] = lambda anyway: None  # set by ``application``
    timing: Timing = field(default_factory=Timing)
    socket_limits: SocketLimits = field(default_factory=SocketLimits)


def application(parts: Parts) -> ASGIApp:
    """The app, put together on the running event loop. Raises RoutesError or TelemetryError."""
    settings, entry, routes = parts.settings, parts.entry, parts.routes
    session = http.session()
    try:
        routing = Routing(settings, routes, session, parts.environment)
    except RoutesError:
        session.detach()  # nothing was opened, and aiohttp would complain beside the sentence that counts
        raise
    parts.lifecycle.waits_for = routing.waits_for
    parts.reload = lambda anyway: _reload(parts.keys, routing, anyway=anyway)
    telemetry = export.start(parts.environment, adapters.providers(routes), settings.revision)
    defects = Defects()
    metrics = Metrics(routing.router, parts.lifecycle, settings.revision, defects)
    observers: Sequence[Observer] = [RequestLog(log_prompts=settings.log_prompts), metrics]

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        routing.start()
        watching = [asyncio.create_task(_watch(parts))]
        if url := settings.redis_url.get_secret_value():
            from app.stores.circuits import SharedCircuits  # 0.1 s: only where there is a Redis

            circuits = SharedCircuits(url, routing.router.breakers, password=parts.redis_password)
            watching.append(asyncio.create_task(circuits.run()))
        try:
            yield
        finally:
            for task in watching:
                task.cancel()
            await routing.aclose()
            await session.close()
            if telemetry is not None:
                await telemetry.aclose()

    requests = Requests(
        routing.router,
        parts.lifecycle,
        [*observers, telemetry] if telemetry else observers,
        tracing=telemetry.spans if telemetry else None,
        log_prompts=settings.log_prompts,
        defects=defects,
    )
    access = Access(
        keys=parts.keys,
        origins=origins_of(settings, entry.host, is_open=not parts.keys.required, fronted=entry.fronted),
        inspection_port=parts.inspection_port,
        inspection_origins=origins_of(settings, settings.metrics_host),
        keyless=entry.keyless,
    )
    return build(
        requests,
        metrics,
        access,
        entry,
        revision=settings.revision,
        lifespan=lifespan,
        timing=parts.timing,
        socket_limits=parts.socket_limits,
    )


def origins_of(settings: Settings, host: str, *, is_open: bool = False, fronted: bool = False) -> Origins:
    """For the port on ``host``. A public one with keys may be called by any name: load balancers and proxies call it by theirs, and so
    does the front of a platform, where no browser stands on this machine.
    """
    judged = not fronted and (is_open or is_loopback(host)) and ANY not in settings.allowed_hosts
    hosts = frozenset({*settings.allowed_hosts, host.lower()}) if judged else None
    return Origins(listed=frozenset(settings.cors_origins), hosts=hosts)


def _settled(made: ASGIApp) -> ASGIApp:
    """Tells the garbage collector that what is there now stays, and to look for cycles every 10,000 new objects.

    Python's default, every 700, is every third request or so, and took 30 of a request's 235 µs.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 10, 10)
    return made


def _reload(keys: Keys, routing: Routing, *, anyway: bool) -> None:
    keys.reload(anyway=anyway)
    routing.reload(anyway=anyway)


async def _watch(parts: Parts) -> None:
    ebb = Ebb()
    while True:
        await asyncio.sleep(RELOAD_EVERY_S)
        parts.reload(False)
        await ebb.at(parts.lifecycle.callers)


if __name__ == "__main__":
    main()
