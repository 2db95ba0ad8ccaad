"""The shapes of what informs about the app, for the OpenAPI document. Those of generated answers stand with their dialects."""

from __future__ import annotations

import msgspec


class Model(msgspec.Struct, kw_only=True):
    id: str
    object: str
    created: int
    owned_by: str


class ModelList(msgspec.Struct, kw_only=True):
    object: str
    data: list[Model]


class Health(msgspec.Struct, kw_only=True):
    status: str
    age_s: float | None = None
    waits_for: dict[str, str] | None = None  # by backend


class RouteBackend(msgspec.Struct, kw_only=True):
    name: str
    adapter: str
    model: str
    weight: int
    running: int
    ready: bool


class Route(msgspec.Struct, kw_only=True):
    strategy: str
    sticky: str
    backends: list[RouteBackend]


class Routes(msgspec.Struct, kw_only=True):
    default_model: str | None
    models: dict[str, Route]
