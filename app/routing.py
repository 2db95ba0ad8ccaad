"""The router with the engines behind it, put together anew when the routes file changes: a bad file keeps the routes that there are."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Mapping
from datetime import UTC, date, datetime

import aiohttp

from app.engines.child import ModelServer
from app.engines.kinds import KINDS
from app.inference import adapters
from app.inference.adapter import Surroundings
from app.inference.identity.shared import Identities
from app.logic import routes as routes_file
from app.logic.backend_state import BackendState
from app.logic.router import Router
from app.logic.routes import BackendSpec, Routes, RoutesError
from app.settings import Settings
from catalog.retirements.routes import told

IDLE_POLL_S = 0.5
_OF_OPENAI = """
version: 1
backends: {openai: {adapter: openai, model: %s}}
models: {chat: {backends: [{use: openai}]}}
default_model: chat
"""

log = logging.getLogger(__name__)


def read_routes(settings: Settings) -> Routes:
    """The routes of the file or of the text, to the one model that is named, or to the app's own engine. Raises RoutesError."""
    if settings.routes is not None:
        try:
            return routes_file.parse(settings.routes.read_text(), str(settings.routes))
        except (OSError, UnicodeDecodeError) as error:
            why = getattr(error, "strerror", None) or "it is not UTF-8"
            raise RoutesError(f"TRIMARAN_ROUTES={settings.routes} cannot be read: {why}") from None
    if settings.routes_yaml:
        return routes_file.parse(settings.routes_yaml, "TRIMARAN_ROUTES_YAML")
    if settings.model_name:
        return routes_file.parse(_OF_OPENAI % json.dumps(settings.model_name), "TRIMARAN_MODEL_NAME")
    kind = KINDS.get(settings.engine, KINDS["embedded"])
    return routes_file.parse(kind.routes(settings), "the built-in routes")


def tell_endings(routes: Routes, today: date) -> None:
    """Logs one line for each backend whose model ends soon, or has a name that its vendor moves."""
    for line in told(
        {name: {"adapter": each.adapter, "model": each.model} for name, each in routes.backends.items()}, today
    ):
        log.warning("%s", line)


def _today() -> date:
    return datetime.now(UTC).date()


class Routing:
    """Made on the running event loop; raises RoutesError."""

    def __init__(
        self, settings: Settings, routes: Routes, http: aiohttp.ClientSession, environment: Mapping[str, str]
    ) -> None:
        self._settings = settings
        self._http = http
        self._environment = environment
        self._identities = Identities()
        self._engines = self._with_engines(routes, {})
        self._leaving: set[asyncio.Task[None]] = set()
        self._closing: set[asyncio.Task[None]] = set()
        self.router = Router(routes, adapters.build(routes, self._around(self._engines)))
        tell_endings(routes, _today())
        self._stamp = self._file_stamp()

    def start(self) -> None:
        for engine in self._engines.values():
            engine.start()

    def reload(self, *, anyway: bool = False) -> None:
        """Reads the routes file again if it changed, or ``anyway``. A file that cannot be used leaves everything as it was, and says why."""
        stamp = self._file_stamp()
        if self._settings.routes is None or (stamp == self._stamp and not anyway):
            return
        self._stamp = stamp
        try:
            self._take(read_routes(self._settings))
        except RoutesError as error:
            log.error("the routes stay as they were: %s", error)
        else:
            log.info("read the routes from %s: %s", self._settings.routes, ", ".join(self.router.targets))

    def _take(self, routes: Routes) -> None:
        engines = self._with_engines(routes, self._engines)
        before, states = self._engines, self.router.states
        self._identities.begin()
        self.router.replace(routes, adapters.build(routes, self._around(engines)))
        tell_endings(routes, _today())
        self._engines = engines
        for identity in self._identities.leave():
            closing = asyncio.create_task(identity.aclose())  # else it would be renewed for ever
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)
        for engine in engines.values():
            if engine not in before.values():
                engine.start()
        for name, engine in before.items():
            if engine not in engines.values():
                leaving = asyncio.create_task(_close_when_idle(engine, states[name]))
                self._leaving.add(leaving)
                leaving.add_done_callback(self._leaving.discard)

    def _with_engines(self, routes: Routes, have: Mapping[str, ModelServer]) -> dict[str, ModelServer]:
        """An engine for each backend that is the app's own, those that there are already included. Raises RoutesError."""
        kind = KINDS.get(self._settings.engine)
        if kind is None:
            return {}
        wanted = {name: spec for name, spec in routes.backends.items() if kind.serves(spec)}
        if kind.alone and len(wanted) > 1:
            raise RoutesError(
                f"backends {', '.join(wanted)} would each be a {self._settings.engine} of the app's own, and it runs one.\n"
                "hint: give the others the base_url of their servers"
            )
        renamed = next(iter(have.values()), None) if kind.alone else None

        def engine(name: str, spec: BackendSpec) -> ModelServer:
            there = have.get(name, renamed)
            return there if there is not None and there.model == spec.model else kind.make(spec, self._settings)

        return {name: engine(name, spec) for name, spec in wanted.items()}

    def waits_for(self) -> dict[str, str]:
        """What each engine that does not answer yet waits for, by backend."""
        return {name: engine.waits_for for name, engine in self._engines.items() if engine.base_url is None}

    def _around(self, engines: Mapping[str, ModelServer]) -> Surroundings:
        return Surroundings(
            http=self._http, engines=engines, environment=self._environment, identities=self._identities
        )

    def _file_stamp(self) -> tuple[int, int] | None:
        if self._settings.routes is None:
            return None
        try:
            status = self._settings.routes.stat()
        except OSError:
            return None
        return status.st_mtime_ns, status.st_ino

    async def aclose(self) -> None:
        for leaving in self._leaving:
            leaving.cancel()
        await self.router.aclose()
        await asyncio.gather(*self._closing)
        for identity in self._identities.values():
            await identity.aclose()
        for engine in self._engines.values():
            await engine.aclose()


async def _close_when_idle(engine: ModelServer, state: BackendState) -> None:
    """An engine that no route names any more finishes its answers first."""
    try:
        while state.running:
            await asyncio.sleep(IDLE_POLL_S)
    finally:
        await engine.aclose()
