"""What all that answers on Vertex AI has in common, for its adapters: a project, a location with its host, and the machine's credential.

Paths and hosts as google-genai 1.75 and the anthropic 2.12 client's AnthropicVertex have them, checked 2026-12-01.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import msgspec
from yarl import URL

from app.inference import google_errors, http
from app.inference.identity.google import GoogleToken
from app.inference.identity.identity import Identity
from app.inference.images import ImageFetcher
from app.inference.said import MapError
from app.logic.answer import Answer, Call, Endpoint, Failure, Kind
from app.wire.codecs import SCANNED
from app.wire.events import Wire

GLOBAL_URL = "https://aiplatform.googleapis.com"
# Google promises for these that a request stays within them (google-genai 1.75, _MULTI_REGIONAL_LOCATIONS, and AnthropicVertex).
MULTI_REGIONS = ("eu", "us")


@dataclass(frozen=True, slots=True, kw_only=True)
class OnVertex:
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

    async def where(self) -> str:
        """The project and its location, as a path. Raises Failure."""
        return f"projects/{self.project or await self._own_project()}/locations/{self.location}"

    async def _own_project(self) -> str:
        project = await self.identity.project() if isinstance(self.identity, GoogleToken) else ""
        if not project:
            reason = f"backend '{self.name}': no project is known: set project in its entry, or GOOGLE_CLOUD_PROJECT"
            raise Failure(Kind.MISCONFIGURED, reason, reason=reason)
        return project

    async def send(
        self, url: str, body: dict[str, Any], call: Call, wire: Wire, map_error: MapError, ignored: frozenset[str]
    ) -> Answer:
        raw = msgspec.json.encode(body)
        headers = {"x-request-id": call.request_id} if call.request_id else {}
        return await http.open_as(
            self.identity,
            self.http,
            URL(url),
            raw,
            headers,
            call=call,
            codec=SCANNED[wire],
            name=self.name,
            map_error=map_error,
            ignored=ignored,
        )

    async def ready(self) -> bool:
        return True

    async def aclose(self) -> None:
        """The session and the identity are shared."""


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
    if location in MULTI_REGIONS:
        return f"https://aiplatform.{location}.rep.googleapis.com"
    return f"https://{location}-aiplatform.googleapis.com"
