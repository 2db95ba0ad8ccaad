"""The endpoint by which Container Apps and App Service give a workload its tokens, faked at the wire.

The request and the fields of the answer are those of msal and azure-identity 1.27 (`_obtain_token_on_app_service`, `app_service.py`), read 2026-12-01.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncIterator
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.inference.fakes.server import Fake, Received, Reply, as_json, serving

SECRET = "the-header-of-this-machine"
TOKEN = "entra-token-"


def given(received: Received, number: int, *, for_s: float = 86_400) -> Reply:
    """A token for what was asked, as ``number`` tells it from others."""
    [resource] = parse_qs(urlsplit(received.path).query)["resource"]
    ends_at = str(int(time.time() + for_s))
    return as_json(
        {"access_token": f"{TOKEN}{number}", "expires_on": ends_at, "resource": resource, "token_type": "Bearer"}
    )


REFUSED = as_json(
    {
        "statusCode": 400,
        "message": f"Asked with {SECRET}: No User Assigned Managed Identity found for specified ClientId",
    },
    status=400,
)


@contextlib.asynccontextmanager
async def machine(
    monkeypatch: pytest.MonkeyPatch, *, refuses: bool = False, for_s: float = 86_400, instead: Reply | None = None
) -> AsyncIterator[tuple[Fake, dict[str, str]]]:
    """A machine with a managed identity: its endpoint, and its environment. Each token is another one."""
    count = 0

    def answer(received: Received) -> Reply:
        nonlocal count
        if received.headers.get("x-identity-header") != SECRET:
            return as_json({"message": "no header"}, status=403)
        count += 1
        if instead is not None:
            return instead
        return REFUSED if refuses else given(received, count, for_s=for_s)

    async with serving(answer) as fake:
        environment = {"IDENTITY_ENDPOINT": f"{fake.url}/msi/token", "IDENTITY_HEADER": SECRET}
        for name, value in environment.items():
            monkeypatch.setenv(name, value)  # azure-identity reads the process's own
        for name in ("AZURE_CLIENT_ID", "AZURE_FEDERATED_TOKEN_FILE", "AZURE_CLIENT_SECRET"):
            monkeypatch.delenv(name, raising=False)
        yield fake, environment
