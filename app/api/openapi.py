"""`GET /openapi.json`: the description of every route, made from the types that requests are checked by. The routes are raw, so FastAPI has none."""

from __future__ import annotations

import functools
from typing import Any

import msgspec
from starlette.types import Receive, Scope, Send

from app.api import bodies, responses
from app.api.exchange import Exchange

_REF = "#/components/schemas/{name}"
_REFUSALS = {
    "400": "The request is wrong; `param` names the field.",
    "401": "No valid key.",
    "404": "There is no such model.",
    "408": "The body came too slowly.",
    "413": "The body is larger than 32 MiB.",
    "429": "Too many requests.",
    "500": "A defect of this app.",
    "502": "The backends failed; `code` says how.",
    "503": "Come back later: see `Retry-After`.",
    "504": "The backends took too long.",
}
_GENERATING = (
    ("/v1/chat", "An answer to a conversation, as text", bodies.TextbookRequest, responses.ChatContent),
    ("/v1/chat/completions", "OpenAI's chat completions", bodies.ChatRequest, responses.ChatCompletion),
    ("/v1/completions", "OpenAI's older completions", bodies.CompletionRequest, responses.Completion),
    ("/v1/embeddings", "OpenAI's embeddings", bodies.EmbeddingRequest, responses.Embeddings),
)


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
    types = [responses.ErrorBody, responses.Model, responses.ModelList, responses.Health, responses.Routes]
    for _, _, request, response in _GENERATING:
        types += [request, response]
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
    return {
        path: {
            "post": {
                "summary": summary,
                "operationId": path.removeprefix("/v1/").replace("/", "_"),
                "requestBody": {"required": True, "content": _json(request)},
                "responses": {"200": _answer(response, streams=path != "/v1/embeddings"), **_refusals(*_REFUSALS)},
            }
        }
        for path, summary, request, response in _GENERATING
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
                    **_refusals("401"),
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
    return {"summary": summary, "responses": {"200": _answer(response, streams=False), **_refusals(*refusals)}}


def _answer(response: type, *, streams: bool) -> dict[str, Any]:
    content = _json(response)
    if streams:
        content["text/event-stream"] = {}  # OpenAPI 3.1 has no schema for events: docs/streaming.md describes them
    headers = {"x-request-id": {"schema": {"type": "string"}}, "x-revision": {"schema": {"type": "string"}}}
    return {"description": "The answer", "headers": headers, "content": content}


def _refusals(*statuses: str) -> dict[str, Any]:
    return {status: {"description": _REFUSALS[status], "content": _json(responses.ErrorBody)} for status in statuses}


def _json(of: type) -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": _REF.format(name=of.__name__)}}}
