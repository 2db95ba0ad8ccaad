"""An endpoint of one's own on Vertex AI, with this app's image or another that speaks OpenAI's API behind `rawPredict`: the body goes on as it is.

Paths as google-cloud-aiplatform 1.148's Endpoint.stream_raw_predict has them, checked 2026-12-01.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from app.inference import fields, openai_errors
from app.inference.identity.kept import Fetched, Kept, NotGiven
from app.inference.on_vertex import OnVertex, behind_google, raw_predict
from app.inference.said import MapError
from app.logic.answer import Answer, Call, Failure, Kind
from app.wire.events import Wire

LOOK_UP_S = 10.0
_LACKS_PACKAGE = "the package google-cloud-aiplatform is not installed: use the image's variant gcp, or give the endpoint's own address in base_url"


class Address:
    """Where an endpoint answers: a host of its own, where it has one. Asked of Google once, with the first request."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._kept: Kept[str] | None = None

    async def get(self, api: str, resource: str) -> str:
        """The base of its paths. Raises Failure(MISCONFIGURED)."""
        if self._kept is None:
            whose = f"backend '{self._name}': the address of its endpoint"
            self._kept = Kept(whose, functools.partial(_look_up, api, resource), early_s=0.0)
        return await self._kept.get()

    async def aclose(self) -> None:
        if self._kept is not None:
            await self._kept.aclose()


def _look_up(api: str, resource: str) -> Fetched[str]:
    """In a thread: importing Google's client takes three seconds, and a third of that of a core."""
    try:
        from google.api_core import exceptions
        from google.auth.exceptions import GoogleAuthError
        from google.cloud.aiplatform_v1 import EndpointServiceClient
        from google.cloud.aiplatform_v1.services.endpoint_service.transports.rest import EndpointServiceRestTransport
    except ImportError:
        raise NotGiven(_LACKS_PACKAGE) from None
    parts = urlsplit(api)
    try:
        transport = EndpointServiceRestTransport(host=parts.netloc, url_scheme=parts.scheme)
        with EndpointServiceClient(transport=transport) as client:
            found = client.get_endpoint(name=resource, timeout=LOOK_UP_S, retry=None)
    except exceptions.GoogleAPICallError as error:
        raise NotGiven(f"{parts.netloc} answered {int(error.code or 0)} for {resource}: {_ADVICE}") from None
    except GoogleAuthError:
        raise NotGiven(f"there is no credential of Google's to ask {parts.netloc} with") from None
    except OSError as error:
        raise NotGiven(f"{parts.netloc} cannot be asked ({type(error).__name__})") from None
    return Fetched(f"https://{found.dedicated_endpoint_dns}" if found.dedicated_endpoint_dns else api)


_ADVICE = "is the id right, and may the service account get it (roles/aiplatform.user)?"


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnEndpoint(OnVertex):
    """``address`` is None where the routes file gives it. ``may_sleep``: it scales to zero, and what it says then is not what it says when it is busy."""

    endpoint: str
    may_sleep: bool = False
    address: Address | None = field(default=None, repr=False)

    async def open(self, call: Call, deadline: float) -> Answer:
        with call.share.beside() as held:  # until the backend has the request
            body, ignored = fields.admitted(call, fields.CHAT, self.name)
            if fields.check_parts(body["messages"], self.name):
                body["messages"] = await self.images.inline(body["messages"], deadline, held)
            body |= {"model": self.model, "stream": call.stream}
            options = body.pop("stream_options", None) or {}
            if call.stream:
                body["stream_options"] = {**options, "include_usage": True}
            resource = f"{await self.where()}/endpoints/{self.endpoint}"
            base = await self.address.get(self.base_url, resource) if self.address else self.base_url
            url = f"{base}/v1/{resource}:{raw_predict(call)}"
            return await self.send(url, body, call, Wire.OPENAI_CHAT, self._map_error, ignored)

    def _map_error(self, status: int, headers: Mapping[str, str], body: bytes) -> Failure:
        own: MapError = functools.partial(openai_errors.map_error, self.name)
        failure = behind_google(self.name, own)(status, headers, body)
        failure.waking = self.may_sleep and failure.kind is Kind.BUSY and status in (429, 503)
        return failure

    async def aclose(self) -> None:
        if self.address is not None:
            await self.address.aclose()
