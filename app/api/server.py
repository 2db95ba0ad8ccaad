"""The FastAPI application: which path leads where, and what stands in front of every route."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from app.api.completions import Completions, Timing
from app.api.dialects.paths import DIALECTS, spoken_at
from app.api.entrypoints.entrypoint import EntryPoint
from app.api.entrypoints.predictions import Predictions
from app.api.errors import Fault
from app.api.exchange import Exchange
from app.api.gate import Access, Gate, Stamp
from app.api.health import Health
from app.api.metrics import Metrics
from app.api.models import Models
from app.api.openapi import Document
from app.api.page import PREFIX, Page, is_page
from app.api.requests import Requests
from app.api.routes_view import RoutesView
from app.api.socket import ChatSocket
from app.api.socket_session import SocketLimits
from app.logic.excerpt import excerpt

Handler = Callable[[Scope, Receive, Send], Awaitable[None]]
SOCKET_PATH = "/v1/chat/socket"
EXPOSED_HEADERS = (
    "x-request-id",
    "x-revision",
    "x-trimaran-model",
    "x-trimaran-backend",
    "x-trimaran-attempts",
    "x-trimaran-degraded",
    "x-trimaran-ignored",
    "x-trimaran-cost-usd",
    "retry-after",
)


class Application(FastAPI):
    """FastAPI without the layers that no raw route needs. One of them answers a defect and raises it again, for which the server closes the
    connection; here ``Stamp`` answers it.
    """

    def build_middleware_stack(self) -> ASGIApp:
        return ExceptionMiddleware(self.router, handlers=self.exception_handlers)


class HotPaths:
    """Takes the requests for ``routes`` past what FastAPI does for each, 20 µs that they have no use for; ``app`` gets all others.

    Of two routes with one path the first counts, as it does in FastAPI.
    """

    def __init__(self, app: ASGIApp, routes: Sequence[Route]) -> None:
        self._app = app
        self._endpoints: dict[tuple[str, str], ASGIApp] = {}
        for route in routes:
            for method in route.methods or ():
                self._endpoints.setdefault((method, route.path), route.app)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        endpoint = self._endpoints.get((scope["method"], scope["path"])) if scope["type"] == "http" else None
        await (endpoint or self._app)(scope, receive, send)


class Asgi:
    """A bound method as an ASGI application, which Starlette's Route then leaves alone."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._handler(scope, receive, send)


def build(
    requests: Requests,
    metrics: Metrics,
    access: Access,
    entry: EntryPoint,
    *,
    revision: str,
    lifespan: Callable[[FastAPI], AbstractAsyncContextManager[None]],
    timing: Timing,
    socket_limits: SocketLimits,
) -> ASGIApp:
    """The application. The hot paths are raw ASGI: FastAPI's own handlers cost a third of the requests per second."""
    app = Application(
        title="Trimaran",
        lifespan=lifespan,
        openapi_url=None,
        redirect_slashes=False,
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},  # app.telemetry has it
    )
    generating = [*_predicting(requests, timing, entry), *_generating(requests, timing)]
    app.router.routes += [
        *generating,
        WebSocketRoute(SOCKET_PATH, ChatSocket(requests, access.keys, socket_limits)),
        *_informing(requests, metrics, entry, revision),
    ]
    app.add_exception_handler(HTTPException, _http_error)
    hot = HotPaths(app, generating)
    guarded: ASGIApp = Gate(hot, access, is_public=is_page)
    if access.origins.listed:
        guarded = CORSMiddleware(
            guarded,
            allow_origins=sorted(access.origins.listed),
            allow_methods=("GET", "POST"),
            allow_headers=("*",),
            expose_headers=EXPOSED_HEADERS,
        )
    return Stamp(guarded, revision=revision, lifecycle=requests.lifecycle, defects=requests.defects)


def _predicting(requests: Requests, timing: Timing, entry: EntryPoint) -> list[Route]:
    return [Route(path, Predictions(requests, timing, path), methods=["POST"]) for path in (entry.predict,) if path]


def _generating(requests: Requests, timing: Timing) -> list[Route]:
    return [Route(path, Completions(requests, dialect, timing), methods=["POST"]) for path, dialect in DIALECTS.items()]


def _informing(requests: Requests, metrics: Metrics, entry: EntryPoint, revision: str) -> list[BaseRoute]:
    def get(path: str, handler: Handler) -> Route:
        return Route(path, Asgi(handler), methods=["GET"])

    models, health, page = Models(requests.router), Health(requests.router, requests.lifecycle), Page()
    return [
        *[get(path, health.ready) for path in (entry.health,) if path],
        get("/v1/models", models.list),
        get("/v1/models/{model:path}", models.one),
        get("/v1/routes", RoutesView(requests.router).show),
        get(SOCKET_PATH, _upgrade_required),
        get("/health", health.ready),
        get("/health/ready", health.ready),
        get("/health/live", health.live),
        get("/health/generate", health.generate),
        get("/metrics", metrics.show),
        get("/openapi.json", Document(revision).show),
        get("/", page),
        get(PREFIX + "{file:path}", page),
    ]


async def _upgrade_required(scope: Scope, receive: Receive, send: Send) -> None:
    fault = Fault(
        426, f"{SOCKET_PATH} is a WebSocket: docs/streaming.md has its messages", headers={"upgrade": "websocket"}
    )
    await Exchange(scope, receive, send).refuse(fault)


async def _http_error(request: Request, error: Exception) -> Response:
    """Starlette's own refusals (no such path, wrong method) in the path's dialect."""
    assert isinstance(error, HTTPException)
    message = {
        404: f"there is no {excerpt(request.url.path)} here",
        405: f"{excerpt(request.url.path)} does not take {request.method}",
    }.get(error.status_code, error.detail)
    fault = Fault(error.status_code, message)
    body = spoken_at(request.url.path).error(fault)
    return Response(body, error.status_code, dict(error.headers or {}), "application/json")
