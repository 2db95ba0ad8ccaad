"""Vertex AI: Gemini and Claude as Google Cloud sells them, each in its own wire, and endpoints of one's own. The credential is the machine's.

Paths and hosts as google-genai 1.75 and the anthropic 2.12 client's AnthropicVertex have them, checked 2026-12-01.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import aiohttp
import msgspec

from app.inference import anthropic, anthropic_request, gemini_request, google_errors, http
from app.inference.adapter import Adapter, Surroundings, base_url, model
from app.inference.identity.google import GoogleToken, access_token
from app.inference.identity.identity import Identity
from app.inference.images import ImageFetcher
from app.inference.said import MapError
from app.logic.answer import Answer, Backend, Call, Endpoint, Failure, Kind
from app.logic.routes import BackendSpec, Continuation, RoutesError
from app.logic.selection import Ability
from app.wire.codecs import SCANNED
from app.wire.events import Wire

GLOBAL_URL = "https://aiplatform.googleapis.com"
# What Anthropic documents for Vertex AI (docs.anthropic.com/en/api/claude-on-vertex-ai, read 2026-12-01). The anthropic 2.12 client sends its newest
# version there, too, 2026-10-21, which refuses temperature and top_p for every model: see ``anthropic.VERSION``.
ANTHROPIC_VERSION = "vertex-2023-10-16"
# Google promises for these that a request stays within them (google-genai 1.75, _MULTI_REGIONAL_LOCATIONS, and AnthropicVertex).
_MULTI_REGIONS = ("eu", "us")
_REGION = re.compile(r"[a-z]+(?:-[a-z]+)+\d{1,2}")
_PROJECT = re.compile(r"[a-z0-9][a-z0-9.:-]{0,98}")
_MODEL = re.compile(r"(?:(google|anthropic)/)?([A-Za-z0-9][A-Za-z0-9._@-]{0,127})")

Publisher = Literal["google", "anthropic"]


@dataclass(frozen=True, slots=True, kw_only=True)
class _OnVertex:
    """``base_url`` is without a version. ``project`` is empty where it is the credential's own."""

    name: str
    base_url: str
    project: str
    location: str
    model: str
    http: aiohttp.ClientSession = field(repr=False)
    identity: Identity = field(repr=False)
    images: ImageFetcher = field(default_factory=ImageFetcher, repr=False)
    endpoints: frozenset[Endpoint] = frozenset({Endpoint.CHAT})

    async def _where(self) -> str:
        """The project and its location, as a path. Raises Failure."""
        return f"projects/{self.project or await self._own_project()}/locations/{self.location}"

    async def _own_project(self) -> str:
        project = await self.identity.project() if isinstance(self.identity, GoogleToken) else ""
        if not project:
            reason = f"backend '{self.name}': no project is known: set project in its entry, or GOOGLE_CLOUD_PROJECT"
            raise Failure(Kind.MISCONFIGURED, reason, reason=reason)
        return project

    async def _send(
        self, url: str, body: dict[str, Any], call: Call, wire: Wire, map_error: MapError, ignored: frozenset[str]
    ) -> Answer:
        raw = msgspec.json.encode(body)
        headers = {"x-request-id": call.request_id} if call.request_id else {}
        shown = await self.identity.show(url, headers, raw)
        return await http.open_answer(
            self.http,
            url,
            raw,
            {**headers, **shown.headers},
            call=call,
            codec=SCANNED[wire],
            name=self.name,
            map_error=map_error,
            secret=shown.secret,
            ignored=ignored,
        )

    async def ready(self) -> bool:
        return True

    async def aclose(self) -> None:
        """The session and the identity are shared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gemini(_OnVertex):
    async def open(self, call: Call, deadline: float) -> Answer:
        with call.share.beside() as held:  # until the backend has the request
            messages = await self.images.inline(call.body["messages"], deadline, held)
            asked = msgspec.structs.replace(call, body={**call.body, "messages": messages})
            body, ignored = gemini_request.map_request(asked, model=self.model, backend=self.name)
            method = "streamGenerateContent?alt=sse" if call.stream else "generateContent"
            url = f"{self.base_url}/v1/{await self._where()}/publishers/google/models/{self.model}:{method}"
            map_error = functools.partial(google_errors.map_error, self.name)
            return await self._send(url, body, call, Wire.GEMINI, map_error, ignored)


@dataclass(frozen=True, slots=True, kw_only=True)
class Claude(_OnVertex):
    async def open(self, call: Call, deadline: float) -> Answer:
        del deadline  # bounded by the router
        body, ignored = anthropic_request.map_request(call, model=self.model, backend=self.name)
        del body["model"]  # it stands in the path
        url = f"{self.base_url}/v1/{await self._where()}/publishers/anthropic/models/{self.model}:{raw_predict(call)}"
        body = {"anthropic_version": ANTHROPIC_VERSION, **body}
        map_error = behind_google(self.name, functools.partial(anthropic.map_error, self.name))
        return await self._send(url, body, call, Wire.ANTHROPIC, map_error, ignored)


def raw_predict(call: Call) -> str:
    return "streamRawPredict" if call.stream else "rawPredict"


def behind_google(name: str, map_error: MapError) -> MapError:
    """Errors of something that answers behind Google's own front: each has its own form."""

    def mapped(status: int, headers: Mapping[str, str], body: bytes) -> Failure:
        read = functools.partial(google_errors.map_error, name) if google_errors.is_googles(body) else map_error
        return read(status, headers, body)

    return mapped


def host(location: str) -> str:
    """Where ``location`` answers."""
    if location == "global":
        return GLOBAL_URL
    if location in _MULTI_REGIONS:
        return f"https://aiplatform.{location}.rep.googleapis.com"
    return f"https://{location}-aiplatform.googleapis.com"


def publisher(model: str) -> tuple[Publisher, str] | None:
    """Whose model it is, and its name in a path; None for one of another publisher."""
    found = _MODEL.fullmatch(model)
    if found is None:
        return None
    if found[1] is not None:
        return ("google" if found[1] == "google" else "anthropic"), found[2]
    return ("anthropic" if model.startswith("claude") else "google"), model


def _build(name: str, spec: BackendSpec, around: Surroundings) -> Backend:
    location = _location(name, spec)
    found = publisher(model(name, spec))
    if found is None:
        raise RoutesError(
            f"backend '{name}': model '{spec.model}' is neither Google's nor Anthropic's: such as gemini-2.5-flash, or claude-sonnet-4-5@20250929"
        )
    whose, called = found
    build: Callable[..., Backend] = Gemini if whose == "google" else Claude
    return build(
        name=name,
        base_url=base_url(name, spec, default=host(location)),
        project=_project(name, spec, around.environment),
        location=location,
        model=called,
        http=around.http,
        identity=access_token(name, around),
        images=around.images,
    )


def _location(name: str, spec: BackendSpec) -> str:
    location = spec.location or "global"
    if location == "global" and spec.residency == "strict":
        raise RoutesError(
            f"backend '{name}': residency: strict and location: global exclude each other: name a region, or eu or us"
        )
    if location not in ("global", *_MULTI_REGIONS) and not _REGION.fullmatch(location):
        raise RoutesError(
            f"backend '{name}': location '{location}' is none: global, eu, us or a region such as europe-west4"
        )
    return location


def _project(name: str, spec: BackendSpec, environment: Mapping[str, str]) -> str:
    """Empty where only the credential can say it."""
    project = spec.project or environment.get("GOOGLE_CLOUD_PROJECT", "")
    if project and not _PROJECT.fullmatch(project):
        raise RoutesError(f"backend '{name}': project '{project}' is not the id or number of a project")
    return project


def _continuation(spec: BackendSpec) -> Continuation:
    """Whether Gemini takes up a last message of its own word by word, nobody promises: it is asked to go on."""
    match publisher(spec.model):
        case ("anthropic", called):
            return anthropic.continuation(called)
    return "instruct"


def _sold_as(spec: BackendSpec) -> str:
    """Without the publisher, by which nobody lists a price."""
    found = publisher(spec.model)
    return found[1] if found is not None else spec.model


ADAPTER = Adapter(
    build=_build,
    provider="gcp.vertex_ai",
    ability=lambda spec: Ability(continuation=_continuation(spec)),
    base_url=GLOBAL_URL,
    price_key=GLOBAL_URL,
    sold_as=_sold_as,
    reads=frozenset({"base_url", "project", "location", "residency"}),
)
