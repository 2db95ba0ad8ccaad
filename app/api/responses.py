"""The shapes of answers, for the OpenAPI document. Backends may add fields, and what they add is passed on."""

from __future__ import annotations

from typing import Any

import msgspec


class Error(msgspec.Struct, kw_only=True):
    """`code`, where a backend is to blame, is one of the kinds of failure in docs/streaming.md."""

    message: str
    type: str
    param: str | None
    code: str | None


class ErrorBody(msgspec.Struct):
    error: Error


class ChatContent(msgspec.Struct):
    content: str


class Usage(msgspec.Struct):
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class Choice(msgspec.Struct, kw_only=True):
    index: int
    message: dict[str, Any]
    finish_reason: str | None


class ChatCompletion(msgspec.Struct, kw_only=True):
    id: str
    object: str
    created: int
    model: str
    choices: list[Choice]
    usage: Usage | None = None


class TextChoice(msgspec.Struct, kw_only=True):
    index: int
    text: str
    finish_reason: str | None


class Completion(msgspec.Struct, kw_only=True):
    id: str
    object: str
    created: int
    model: str
    choices: list[TextChoice]
    usage: Usage | None = None


class Embedding(msgspec.Struct, kw_only=True):
    index: int
    object: str
    embedding: list[float] | str


class Embeddings(msgspec.Struct, kw_only=True):
    object: str
    model: str
    data: list[Embedding]


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
