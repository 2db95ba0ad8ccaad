"""The one list of engines: what TRIMARAN_ENGINE may say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from app.engines.child import ModelServer
from app.engines.embedded import EmbeddedEngine
from app.engines.given import default_routes
from app.engines.litserve import LitServeEngine
from app.engines.vllm import VllmEngine
from app.logic.routes import BackendSpec
from app.settings import Settings
from catalog.models import EMBEDDED

_EMBEDDED_ROUTES = """
version: 1
backends:
  embedded: {adapter: embedded, model: smollm2-135m-instruct}
models:
  chat: {backends: [{use: embedded}]}
default_model: chat
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineKind:
    """``serves``: whether a backend is one of the app's own servers. ``make`` raises RoutesError. ``alone``: one fills the machine.

    ``routes``: those of an app that was given none.
    """

    serves: Callable[[BackendSpec], bool]
    make: Callable[[BackendSpec, Settings], ModelServer]
    routes: Callable[[Settings], str] = lambda settings: _EMBEDDED_ROUTES
    alone: bool = False


KINDS: dict[str, EngineKind] = {
    "embedded": EngineKind(
        serves=lambda spec: spec.adapter == "embedded" and spec.model in EMBEDDED,
        make=lambda spec, settings: EmbeddedEngine(spec.model),
    ),
    "vllm": EngineKind(
        serves=lambda spec: spec.adapter == "vllm" and not spec.base_url,
        make=VllmEngine,
        routes=default_routes,
        alone=True,
    ),
    "litserve": EngineKind(
        serves=lambda spec: spec.adapter == "litserve" and not spec.base_url,
        make=LitServeEngine,
        routes=default_routes,
        alone=True,
    ),
}
