"""Vertex AI's own client, unchanged, and what stands between it and a container: an endpoint that hands each call on to the app."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter

from tests.api.serving import App

NAME = "projects/1/locations/us-central1/endpoints/2"
HEALTH = "/v1/endpoints/2/deployedModels/3"
PREDICT = (
    f"/v1/{NAME}:predict"  # where the client sends predictions, so that it can call the app without anything between
)
ENVIRONMENT = {
    "TRIMARAN_ENTRYPOINT": "vertex",
    "AIP_HTTP_PORT": "8080",
    "AIP_HEALTH_ROUTE": HEALTH,
    "AIP_PREDICT_ROUTE": PREDICT,
}
Result = TypeVar("Result")


class Forwarding(HTTPAdapter):
    """A dedicated endpoint: predictions go to the predict route, and what is invoked to its own path."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._url = url

    def send(self, request: requests.PreparedRequest, *arguments: Any, **options: Any) -> requests.Response:
        path = urlsplit(str(request.url)).path
        _, invoked, route = path.partition("/invoke")
        request.url = self._url + (route if invoked else PREDICT)
        return super().send(request, *arguments, **options)


def endpoint(app: App, *, dedicated: bool) -> Any:
    """The client's endpoint, with the app behind it. It blocks: call it in a thread."""
    from google.auth.credentials import AnonymousCredentials
    from google.cloud import aiplatform
    from google.cloud.aiplatform_v1 import Endpoint

    aiplatform.init(
        project="p",
        location="us-central1",
        credentials=AnonymousCredentials(),
        api_transport="rest",
        api_endpoint=app.url,
    )
    resource = Endpoint(
        name=NAME,
        create_time={"seconds": 1},  # without it the client would ask the platform for the rest
        dedicated_endpoint_enabled=dedicated,
        dedicated_endpoint_dns="2.prediction.example",
    )
    made = aiplatform.Endpoint._construct_sdk_resource_from_gapic(resource, credentials=AnonymousCredentials())
    made.authorized_session = requests.Session()
    made.authorized_session.mount("https://", Forwarding(app.url))
    return made


async def calling(app: App, call: Callable[[Any], Result], *, dedicated: bool = False) -> Result:
    """What ``call`` gets of the endpoint."""
    return await asyncio.to_thread(lambda: call(endpoint(app, dedicated=dedicated)))
