"""`GET /openapi.json`: the description of every route, made from the types that requests are checked by. The routes are raw, so FastAPI has none."""

from __future__ import annotations

import functools
from typing import Any

import msgspec
from starlette.types import Receive, Scope, Send

from app.api import responses
from app.api.dialects.dialect import Dialect
from app.api.dialects.openai import ErrorBody
from app.api.dialects.paths import DIALECTS
from app.api.exchange import Exchange
from app.wire.codecs import WRITTEN
from app.wire.framing import WHOLE

_REF = "#/components/schemas/{name}"
_REFUSALS = {
    "400": "The request is wrong; `param` names the field.",
    "401": "No valid key.",
    "403": "A web page from elsewhere, or a name that this app does not answer to.",
    "404": "There is no such model.",
    "408": "The body came too slowly.",
    "413": "The body is larger than 32 MiB.",
    "429": "Too many requests.",
    "500": "A defect of this app.",
    "502": "The backends failed; `code` says how.",
    "503": "Come back later: see `Retry-After`.",
    "504": "The backends took too long.",
}


class Document:
    """Made when it is first asked for."""

    def __init__(self, revision: str) -> None:
        self._revision = revision

    async def show(self, scope: Scope, receive: Receive, send: Send) -> None:
        await Exchange(scope, receive, send).whole(_encoded(self._revision))


@functools.cache
def _encoded(revision: str) -> bytes:
    return msgspec.json.encode(document(revision))


def document(revision: str) -> dict[str, Any]:
    """An OpenAPI 3.1 document."""
    types: list[type] = [ErrorBody, responses.Model, responses.ModelList, responses.Health, responses.Routes]
    for dialect in DIALECTS.values():
        types += [shape for shape in (dialect.request, dialect.answer, dialect.refusal) if shape not in types]
    _, schemas = msgspec.json.schema_components(types, ref_template=_REF)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Trimaran",
            "version": revision,
            "description": "One LLM app on several providers. Streaming and the WebSocket `/v1/chat/socket`: see docs/streaming.md.",
        },
        "security": [{"bearer": []}, {"x-api-key": []}],
        "paths": _generating() | _informing() | _health(),
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "x-api-key": {"type": "apiKey", "in": "header", "name": "x-api-key"},
            },
        },
    }


def _generating() -> dict[str, Any]:
    return {path: {"post": _generated(path, dialect)} for path, dialect in DIALECTS.items()}


def _generated(path: str, dialect: Dialect) -> dict[str, Any]:
    answer = _answer(dialect.answer)
    if dialect.wire in WRITTEN:  # OpenAPI 3.1 has no schema for events: docs/streaming.md describes them
        answer["content"][WRITTEN[dialect.wire].framing.content_type] = {}
    return {
        "summary": dialect.title,
        "operationId": path.removeprefix("/v1/").replace("/", "_"),
        "requestBody": {"required": True, "content": _json(dialect.request)},
        "responses": {"200": answer, **_refusals(*_REFUSALS, shape=dialect.refusal)},
    }


def _informing() -> dict[str, Any]:
    model = {"name": "model", "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
    return {
        "/v1/models": {"get": _read("The public models", responses.ModelList, "401")},
        "/v1/models/{model}": {
            "get": _read("One public model", responses.Model, "401", "404") | {"parameters": [model]}
        },
        "/v1/routes": {"get": _read("The models' backends, as they are now", responses.Routes, "401")},
        "/metrics": {
            "get": {
                "summary": "For Prometheus",
                "responses": {
                    "200": {"description": "Metrics", "content": {"text/plain": {"schema": {"type": "string"}}}},
                    **_refusals("401", "403"),
                },
            }
        },
    }


def _health() -> dict[str, Any]:
    ready = _read("Whether the model is loaded and traffic is wanted", responses.Health)
    ready["responses"]["503"] = {"description": "Not ready", "content": _json(responses.Health)}
    generates = _read("Whether a token was really generated", responses.Health, "401", "502", "503", "504")
    return {
        "/health": {"get": {**ready, "security": []}},
        "/health/ready": {"get": {**ready, "security": []}},
        "/health/live": {"get": {**_read("Whether the process answers", responses.Health), "security": []}},
        "/health/generate": {"get": generates},
    }


def _read(summary: str, response: type, *refusals: str) -> dict[str, Any]:
    return {"summary": summary, "responses": {"200": _answer(response), **_refusals("403", *refusals)}}


def _answer(response: type) -> dict[str, Any]:
    headers = {"x-request-id": {"schema": {"type": "string"}}, "x-revision": {"schema": {"type": "string"}}}
    return {"description": "The answer", "headers": headers, "content": _json(response)}


def _refusals(*statuses: str, shape: type = ErrorBody) -> dict[str, Any]:
    return {status: {"description": _REFUSALS[status], "content": _json(shape)} for status in statuses}


def _json(of: type) -> dict[str, Any]:
    return {WHOLE: {"schema": {"$ref": _REF.format(name=of.__name__)}}}
