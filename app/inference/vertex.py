"""Vertex AI: Gemini and Claude as Google Cloud sells them, each in its own wire, and endpoints of one's own, in OpenAI's."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlsplit

from app.inference import anthropic, anthropic_request, gemini_request, google_errors
from app.inference.adapter import Adapter, Surroundings, base_url, model
from app.inference.identity.google import access_token
from app.inference.on_vertex import GLOBAL_URL, MULTI_REGIONS, OnVertex, behind_google, host, raw_predict
from app.inference.vertex_endpoint import Address, OwnEndpoint
from app.logic.answer import Answer, Backend, Call
from app.logic.routes import BackendSpec, Continuation, RoutesError
from app.logic.selection import Ability
from app.wire.events import Wire

# What Anthropic documents for Vertex AI (docs.anthropic.com/en/api/claude-on-vertex-ai, read 2026-12-01). The anthropic 2.12 client sends its newest
# version there, too, 2026-10-21, which refuses temperature and top_p for every model: see ``anthropic.VERSION``.
ANTHROPIC_VERSION = "vertex-2023-10-16"
_REGION = re.compile(r"[a-z]+(?:-[a-z]+)+\d{1,2}")
_REGION_IN = re.compile(r"(?:^|\.)([a-z]+(?:-[a-z]+)+\d{1,2})-")  # in a private name
_VERSION = re.compile(r"/v1(?:alpha|beta)?\d*/?$")
_PROJECT = re.compile(r"[a-z0-9][a-z0-9.:-]{0,98}")
_MODEL = re.compile(r"(?:(google|anthropic)/)?([A-Za-z0-9][A-Za-z0-9._@-]{0,127})")
_ENDPOINT = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,62}")

Publisher = Literal["google", "anthropic"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Gemini(OnVertex):
    async def open(self, call: Call, deadline: float) -> Answer:
        with call.share.beside() as held:  # until the backend has the request
            body, ignored = gemini_request.admitted(call, self.name)
            body["messages"] = await self.images.inline(body["messages"], deadline, held)
            body, ignored = gemini_request.mapped(body, ignored, model=self.model, backend=self.name)
            method = "streamGenerateContent?alt=sse" if call.stream else "generateContent"
            url = f"{self.base_url}/v1/{await self.where()}/publishers/google/models/{self.model}:{method}"
            map_error = functools.partial(google_errors.map_error, self.name)
            return await self.send(url, body, call, Wire.GEMINI, map_error, ignored)


@dataclass(frozen=True, slots=True, kw_only=True)
class Claude(OnVertex):
    async def open(self, call: Call, deadline: float) -> Answer:
        del deadline  # bounded by the router
        body, ignored = anthropic_request.map_request(call, model=self.model, backend=self.name)
        del body["model"]  # it stands in the path
        url = f"{self.base_url}/v1/{await self.where()}/publishers/anthropic/models/{self.model}:{raw_predict(call)}"
        body = {"anthropic_version": ANTHROPIC_VERSION, **body}
        map_error = behind_google(self.name, functools.partial(anthropic.map_error, self.name))
        return await self.send(url, body, call, Wire.ANTHROPIC, map_error, ignored)


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
    common: dict[str, Any] = {
        "name": name,
        "project": _project(name, spec, around.environment),
        "location": location,
        "http": around.http,
        "identity": access_token(name, around),
        "images": around.images,
    }
    if spec.endpoint:
        return _at_endpoint(name, spec, common)
    found = publisher(model(name, spec))
    if found is None:
        raise RoutesError(
            f"backend '{name}': model '{spec.model}' is neither Google's nor Anthropic's: such as gemini-3.5-flash, or claude-sonnet-4-5@20250929"
        )
    whose, called = found
    build: Callable[..., Backend] = Gemini if whose == "google" else Claude
    return build(**common, model=called, base_url=_address(name, spec, location))


def _at_endpoint(name: str, spec: BackendSpec, common: dict[str, Any]) -> Backend:
    location = common["location"]
    if not _REGION.fullmatch(location):
        raise RoutesError(f"backend '{name}': an endpoint is in a region: set location to it, such as europe-west4")
    if not _ENDPOINT.fullmatch(spec.endpoint):
        raise RoutesError(f"backend '{name}': endpoint '{spec.endpoint}' is not the id of one: such as 1234567890")
    return OwnEndpoint(
        **common,
        model=model(name, spec),
        base_url=_address(name, spec, location),
        endpoint=spec.endpoint,
        may_sleep=spec.scale_to_zero,
        address=None if spec.base_url else Address(name),
    )


def _address(name: str, spec: BackendSpec, location: str) -> str:
    """Where the entry says, or else where its location answers. One of Google's hosts answers in its own location, whatever the path says."""
    given, own = base_url(name, spec, default=host(location)), host(location)
    parts = urlsplit(given)
    called = (parts.hostname or "").rstrip(".")
    if _VERSION.search(parts.path):
        raise RoutesError(
            f"backend '{name}': base_url is without a version: leave '{parts.path.rpartition('/')[2]}' out"
        )
    if called.endswith((".p.googleapis.com", ".vertexai.goog")):  # names that a project has in its own network
        found = _REGION_IN.search(called)
        is_elsewhere = found is not None and found[1] != location
    else:
        is_elsewhere = called.endswith(".googleapis.com") and f"https://{called}" != own
    if is_elsewhere:
        raise RoutesError(
            f"backend '{name}': base_url is not where location {location} answers: leave it out, write {own}, or change location"
        )
    return given


def _location(name: str, spec: BackendSpec) -> str:
    location = spec.location or "global"
    if location == "global" and spec.residency == "strict":
        raise RoutesError(
            f"backend '{name}': residency: strict and location: global exclude each other: name a region, or eu or us"
        )
    if location not in ("global", *MULTI_REGIONS) and not _REGION.fullmatch(location):
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
        case ("anthropic", called) if not spec.endpoint:
            return anthropic.continuation(called)
    return "instruct"


def _sold_as(spec: BackendSpec) -> str:
    """Without the publisher, by which nobody lists a price. Nobody sells the tokens of an endpoint: its machines are paid for by the hour."""
    if spec.endpoint:
        return ""
    found = publisher(spec.model)
    return found[1] if found is not None else spec.model


ADAPTER = Adapter(
    build=_build,
    provider="gcp.vertex_ai",
    ability=lambda spec: Ability(continuation=_continuation(spec)),
    base_url=GLOBAL_URL,
    price_key=GLOBAL_URL,
    sold_as=_sold_as,
    reads=frozenset({"base_url", "project", "location", "residency", "endpoint"}),
)
