"""The machine's identities across a change of the routes: what no backend takes any more is closed, and nothing else is."""

from __future__ import annotations

import asyncio
from pathlib import Path

import aiohttp

from app.inference.identity.aws import Signed
from app.inference.identity.entra import EntraToken
from app.inference.identity.kept import Fetched, Kept
from app.routing import Routing, read_routes
from app.settings import from_environment

ENTRA = "auth: {kind: entra, scope: 'api://%s/.default'}"
AWS = "region: eu-west-1, auth: {kind: aws_sigv4, service: %s}"


def write(file: Path, *auths: str) -> None:
    entries = "".join(f"  b{n}: {{adapter: vllm, model: m, {auth}}}\n" for n, auth in enumerate(auths))
    uses = ", ".join(f"{{use: b{n}}}" for n in range(len(auths)))
    file.write_text(f"version: 1\nbackends:\n{entries}models: {{chat: {{backends: [{uses}]}}}}\n")


async def held(kept: Kept[str]) -> None:
    """Puts a credential there that is to be renewed."""
    kept._fetch, kept._clock = lambda: Fetched("t", 5000.0), lambda: 1000.0
    await kept.get()
    assert kept._due is not None


async def test_an_identity_that_no_route_uses_is_renewed_no_more(tmp_path: Path) -> None:
    """One that the new routes use, too, goes on, and a file that cannot be used changes nothing."""
    file = tmp_path / "routes.yaml"
    write(file, ENTRA % "old", ENTRA % "new")
    settings = from_environment({"TRIMARAN_ROUTES": str(file)})
    async with aiohttp.ClientSession() as session:
        routing = Routing(settings, read_routes(settings), session, {})
        old, new = (routing._identities["entra", f"api://{name}/.default"] for name in ("old", "new"))
        assert isinstance(old, EntraToken)
        assert isinstance(new, EntraToken)
        await held(old.token)
        await held(new.token)
        file.write_text("version: 1\n")
        routing.reload(anyway=True)
        assert len(routing._identities) == 2
        write(file, ENTRA % "new")
        routing.reload(anyway=True)
        await asyncio.sleep(0)
        assert list(routing._identities.values()) == [new]
        assert [each.token._due and each.token._due.cancelled() for each in (old, new)] == [True, False]
        await routing.aclose()
        assert new.token._is_closed


async def test_aws_credentials_stay_as_long_as_one_service_signs_with_them(tmp_path: Path) -> None:
    """All services share one set: that of one which goes is that of the others."""
    file = tmp_path / "routes.yaml"
    write(file, AWS % "lambda", AWS % "vpc-lattice-svcs")
    settings = from_environment({"TRIMARAN_ROUTES": str(file)})
    async with aiohttp.ClientSession() as session:
        routing = Routing(settings, read_routes(settings), session, {})
        stays = routing._identities["aws_sigv4", "lambda", "eu-west-1"]
        assert isinstance(stays, Signed)
        write(file, AWS % "lambda")
        routing.reload(anyway=True)
        await asyncio.sleep(0)
        assert list(routing._identities.values()) == [stays]
        assert not stays.credentials._is_closed
        await routing.aclose()
        assert stays.credentials._is_closed
