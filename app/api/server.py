"""The FastAPI application: which path leads where, who may call it, and what every answer carries."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.completions import Completions
from app.api.errors import Fault
from app.api.exchange import Exchange
from app.api.health import Health
from app.api.keys import Keys, presented
from app.api.models import Models
from app.logic.answer import Endpoint
from app.logic.record import Observer
from app.logic.router import Router
from app.wire.events import Wire

Handler = Callable[[Scope, Receive, Send], Awaitable[None]]
OPEN = frozenset({"/health", "/health/live", "/health/ready"})  # probes carry no key


class Asgi:
    """A bound method as an ASGI application, which Starlette's Route then leaves alone."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._handler(scope, receive, send)


class Gate:
    """In front of every route: asks for a key, and puts the revision into each answer."""

    def __init__(self, app: ASGIApp, *, keys: Keys, revision: str) -> None:
        self._app = app
        self._keys = keys
        self._revision = (b"x-revision", revision.encode())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def stamped(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], self._revision]
            await send(message)

        if self._keys.required and scope["path"] not in OPEN:
            key = presented(dict(scope["headers"]))
            scope["key_name"] = self._keys.name_of(key) if key else None
            if scope["key_name"] is None:
                await Exchange(scope, receive, stamped).fault(_no_key(key))
                return
        await self._app(scope, receive, stamped)


def _no_key(key: str | None) -> Fault:
    seen = "the request carries no key" if key is None else "the request's key is not valid"
    return Fault(
        401,
        f"{seen}: send one of this app's keys as 'Authorization: Bearer <key>' or 'x-api-key: <key>'",
        type="authentication_error",
        code="invalid_api_key",
        headers={"www-authenticate": "Bearer"},
    )


def build(
    *,
    router: Router,
    health: Health,
    keys: Keys,
    revision: str,
    observers: Sequence[Observer],
    lifespan: Callable[[FastAPI], AbstractAsyncContextManager[None]],
) -> FastAPI:
    """The application. The hot paths are raw ASGI routes: FastAPI's own handlers cost a third of the requests per second."""
    models = Models(router)

    def generating(endpoint: Endpoint, wire: Wire) -> Completions:
        return Completions(router, observers, endpoint, wire)

    app = FastAPI(title="Trimaran", lifespan=lifespan, docs_url=None, redoc_url=None)
    app.router.routes += [
        Route("/v1/chat", generating(Endpoint.CHAT, Wire.CHAT), methods=["POST"]),
        Route("/v1/chat/completions", generating(Endpoint.CHAT, Wire.OPENAI_CHAT), methods=["POST"]),
        Route("/v1/completions", generating(Endpoint.COMPLETIONS, Wire.OPENAI_COMPLETIONS), methods=["POST"]),
        Route("/v1/embeddings", generating(Endpoint.EMBEDDINGS, Wire.OPENAI_EMBEDDINGS), methods=["POST"]),
        Route("/v1/models", Asgi(models.list), methods=["GET"]),
        Route("/v1/models/{model:path}", Asgi(models.one), methods=["GET"]),
        Route("/health", Asgi(health.ready), methods=["GET"]),
        Route("/health/ready", Asgi(health.ready), methods=["GET"]),
        Route("/health/live", Asgi(health.live), methods=["GET"]),
        Route("/health/generate", Asgi(health.generate), methods=["GET"]),
    ]
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(Exception, _our_error)
    app.add_middleware(Gate, keys=keys, revision=revision)
    return app


async def _http_error(request: Request, error: Exception) -> Response:
    """Starlette's own refusals (no such path, wrong method) in OpenAI's shape."""
    assert isinstance(error, HTTPException)
    message = {
        404: f"there is no {request.url.path} here",
        405: f"{request.url.path} does not take {request.method}",
    }.get(error.status_code, error.detail)
    fault = Fault(error.status_code, message)
    return Response(fault.body(), error.status_code, dict(error.headers or {}), "application/json")


async def _our_error(request: Request, error: Exception) -> Response:
    """A defect of this app: the log has the traceback (Starlette raises on), the caller an id to quote."""
    del error
    request_id = request.headers.get("x-request-id") or secrets.token_hex(16)
    fault = Fault(500, f"this app failed; its log has more under request {request_id}", type="server_error")
    return Response(fault.body(), 500, {"x-request-id": request_id}, "application/json")
