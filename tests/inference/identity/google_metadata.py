"""Google's metadata server, faked at the wire for google-auth: tokens that count up, each for as long as a test wants."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.inference.fakes.server import Fake, Received, Reply, serving

FLAVOR = {"metadata-flavor": "Google"}
ACCOUNT = {"email": "app@my-project.iam.gserviceaccount.com", "scopes": [], "aliases": ["default"]}


def said(value: Any) -> Reply:
    return Reply(headers=FLAVOR, steps=[json.dumps(value).encode()])


class Metadata:
    """``lives_s``: how long each token lives. ``instead``: what is answered in place of a token."""

    def __init__(self) -> None:
        self.given = 0
        self.lives_s = 3599.0
        self.instead: Reply | None = None
        self.audiences: list[str] = []

    def __call__(self, received: Received) -> Reply:
        address = urlsplit(received.path)
        what = address.path.removeprefix("/computeMetadata/v1/")
        match what:
            case "instance/service-accounts/default/token":
                return self.instead or self._token()
            case "instance/service-accounts/default/identity":
                self.audiences += parse_qs(address.query)["audience"]
                return self.instead or self._identity(self.audiences[-1])
            case (
                "instance/service-accounts/default/"
                | "instance/service-accounts/app@my-project.iam.gserviceaccount.com/"
            ):
                return said(ACCOUNT)
            case "project/project-id":
                return Reply(content_type="application/text", headers=FLAVOR, steps=[b"my-project"])
            case "/" | "":
                return Reply(content_type="application/text", headers=FLAVOR, steps=[b"computeMetadata/\n"])
        return Reply(status=404, content_type="text/html", headers=FLAVOR, steps=[b"not found"])

    def _token(self) -> Reply:
        self.given += 1
        token = {"access_token": f"ya29.token-{self.given}", "expires_in": self.lives_s, "token_type": "Bearer"}
        return said(token)

    def _identity(self, audience: str) -> Reply:
        self.given += 1
        parts: list[dict[str, Any]] = [
            {"alg": "RS256"},
            {"aud": audience, "exp": time.time() + self.lives_s, "jti": self.given},
            {"sig": 1},
        ]
        return Reply(content_type="text/html", headers=FLAVOR, steps=[b".".join(_part(part) for part in parts)])


def _part(value: dict[str, Any]) -> bytes:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=")


@asynccontextmanager
async def on_google(
    metadata: Callable[[Received], Reply], monkeypatch: pytest.MonkeyPatch, nowhere: Path
) -> AsyncIterator[Fake]:
    """This process stands on a machine of Google's: google-auth reads the server's address when it is imported, so it is put in its place."""
    from google.auth.compute_engine import _metadata

    async with serving(metadata) as fake:
        host = fake.url.removeprefix("http://")
        for name in ("GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_CLOUD_PROJECT", "GCLOUD_PROJECT"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("CLOUDSDK_CONFIG", str(nowhere))
        monkeypatch.setenv("GCE_METADATA_IP", host)
        monkeypatch.setattr(_metadata, "_GCE_METADATA_HOST", host)
        yield fake
