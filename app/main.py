"""The composition root: reads the settings, puts the layers together, serves until told to stop."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import uvicorn
from fastapi import FastAPI

from app import logs
from app.api.health import Health
from app.api.keys import Keys, KeysError
from app.api.request_log import RequestLog
from app.api.server import build
from app.engines.embedded import EmbeddedEngine
from app.inference import adapters, http
from app.logic import routes as routes_file
from app.logic.router import Router
from app.logic.routes import Routes, RoutesError
from app.settings import Settings, SettingsError, from_environment
from catalog.models import EMBEDDED

KEEP_ALIVE_S = 620  # longer than the 600 s for which load balancers keep a connection, or they answer 502 now and then
RELOAD_EVERY_S = 1.0

DEFAULT_ROUTES = """
version: 1
backends:
  embedded: {adapter: embedded, model: smollm2-135m-instruct}
models:
  chat: {backends: [{use: embedded}]}
default_model: chat
"""

log = logging.getLogger(__name__)


def main() -> None:
    try:
        settings = from_environment(os.environ)
        serve(settings, os.environ)
    except (SettingsError, RoutesError, KeysError) as error:
        sys.exit(f"trimaran: {error}")


def serve(settings: Settings, environment: Mapping[str, str]) -> None:
    """Runs the app until SIGTERM or SIGINT. Raises SettingsError, RoutesError or KeysError before anything listens."""
    keys = Keys(settings.api_keys.get_secret_value(), settings.api_keys_file)
    if not (settings.is_loopback or keys.required or settings.allow_no_keys):
        raise SettingsError(
            f"TRIMARAN_HOST={settings.host} is open to others and no key is set: anybody could spend on your account.\n"
            "hint: set TRIMARAN_API_KEYS (lines name=key) or TRIMARAN_API_KEYS_FILE; TRIMARAN_ALLOW_NO_KEYS=1 allows it all the same"
        )
    routes = read_routes(settings)
    with logs.to_stdout():
        server = Server(_config(settings, routes, keys, environment), settings)
        server.run()
    if not server.started:
        sys.exit(3)


def read_routes(settings: Settings) -> Routes:
    """The routes of the file, of the text, or those that lead to the embedded model. Raises RoutesError."""
    if settings.routes is not None:
        try:
            return routes_file.parse(settings.routes.read_text(), str(settings.routes))
        except OSError as error:
            raise RoutesError(f"TRIMARAN_ROUTES={settings.routes} cannot be read: {error.strerror}") from None
    if settings.routes_yaml:
        return routes_file.parse(settings.routes_yaml, "TRIMARAN_ROUTES_YAML")
    return routes_file.parse(DEFAULT_ROUTES, "the built-in routes")


class Server(uvicorn.Server):
    """Tells the health route as soon as a signal asks the app to stop."""

    def __init__(self, config: uvicorn.Config, settings: Settings) -> None:
        super().__init__(config)
        self._drain_s = settings.drain_s

    def handle_exit(self, sig: int, frame: object) -> None:
        log.info("stopping: running answers have %g s to finish", self._drain_s)
        super().handle_exit(sig, frame)  # type: ignore[arg-type]


def _config(settings: Settings, routes: Routes, keys: Keys, environment: Mapping[str, str]) -> uvicorn.Config:
    return uvicorn.Config(
        lambda: _application(settings, routes, keys, environment),
        factory=True,
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=int(settings.drain_s),
        h11_max_incomplete_event_size=64 * 2**10,
    )


def _application(settings: Settings, routes: Routes, keys: Keys, environment: Mapping[str, str]) -> FastAPI:
    engines = _engines(settings, routes)
    session = http.session()
    around = adapters.Surroundings(http=session, engines=engines, environment=environment)
    prices = {name: rates for name, spec in routes.backends.items() if (rates := adapters.price(spec)) is not None}
    router = Router(routes, adapters.build(routes, around), prices)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        for engine in engines.values():
            engine.start()
        reloading = asyncio.create_task(_reload(keys))
        try:
            yield
        finally:
            reloading.cancel()
            await router.aclose()
            await session.close()
            for engine in engines.values():
                await engine.aclose()

    return build(
        router=router,
        health=Health(router),
        keys=keys,
        revision=settings.revision,
        lifespan=lifespan,
        observers=[RequestLog()],
    )


def _engines(settings: Settings, routes: Routes) -> dict[str, EmbeddedEngine]:
    """An engine for each embedded model that a route names; none when the app is told to run none."""
    if settings.engine != "embedded":
        return {}
    named = {spec.model for spec in routes.backends.values() if spec.adapter == "embedded"}
    return {model: EmbeddedEngine(model) for model in sorted(named) if model in EMBEDDED}


async def _reload(keys: Keys) -> None:
    while True:
        await asyncio.sleep(RELOAD_EVERY_S)
        keys.reload()


if __name__ == "__main__":
    main()
