"""Tokens from Entra ID: azure-identity itself against a machine's endpoint on a real socket."""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest
from azure.core.exceptions import ClientAuthenticationError

from app.inference.adapter import Surroundings
from app.inference.identity import entra, kept
from app.inference.identity.identity import Identity
from app.logic.answer import Failure, Kind
from app.logic.routes import RoutesError
from tests.inference.fakes.server import Reply, as_json
from tests.inference.identity import azure_metadata

SCOPE = "https://cognitiveservices.azure.com/.default"


async def shown(identity: Identity) -> str:
    return (await identity.show("https://a.example/v1", {}, b"{}")).headers["authorization"]


def around(session: aiohttp.ClientSession, environment: dict[str, str]) -> Surroundings:
    return Surroundings(http=session, engines={}, environment=environment)


async def test_a_managed_identity_gives_one_token_to_all_backends(monkeypatch: pytest.MonkeyPatch) -> None:
    """The scope's resource is asked for once, with the header that the machine has for it."""
    async with azure_metadata.machine(monkeypatch) as (endpoint, environment), aiohttp.ClientSession() as session:
        here = around(session, environment)
        one, other = entra.token("a", scope=SCOPE, around=here), entra.token("b", scope=SCOPE, around=here)
        said = {await shown(one), await shown(other), await shown(one)}
        await one.aclose()

    assert said == {"Bearer entra-token-1"}
    [asked] = endpoint.received
    query = parse_qs(urlsplit(asked.path).query)
    assert (query["resource"], query["api-version"]) == (["https://cognitiveservices.azure.com"], ["2019-08-01"])


async def test_each_scope_has_a_token_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """One for Azure OpenAI opens no server of one's own."""
    async with azure_metadata.machine(monkeypatch) as (_, environment), aiohttp.ClientSession() as session:
        here = around(session, environment)
        one = entra.token("a", scope=SCOPE, around=here)
        other = entra.token("b", scope="api://my-app/.default", around=here)
        assert await shown(one) != await shown(other)
        await one.aclose()
        await other.aclose()


async def test_a_token_that_was_refused_is_another_for_the_next_request(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where azure-identity would give out the same again: one may be taken back before it ends."""
    monkeypatch.setattr(kept, "AGAIN_S", 0.0)
    async with azure_metadata.machine(monkeypatch) as (_, environment), aiohttp.ClientSession() as session:
        identity = entra.token("a", scope=SCOPE, around=around(session, environment))
        first = await identity.show("", {}, b"")
        assert first.ended is not None
        first.ended()
        second = await identity.show("", {}, b"")
        first.ended()  # heard late, by a request that had the first one
        third = await identity.show("", {}, b"")
        await identity.aclose()

    assert [one.secret for one in (first, second, third)] == ["entra-token-1", "entra-token-2", "entra-token-2"]


async def test_a_token_that_is_refused_at_once_is_not_asked_for_anew_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who lacks the role gets 401 for every token: the endpoint is not asked by each request."""
    async with azure_metadata.machine(monkeypatch) as (endpoint, environment), aiohttp.ClientSession() as session:
        identity = entra.token("a", scope=SCOPE, around=around(session, environment))
        for _ in range(3):
            told = (await identity.show("", {}, b"")).ended
            assert told is not None
            told()
        await identity.aclose()
    assert len(endpoint.received) == 1


async def test_an_endpoint_that_refuses_is_told_in_a_sentence(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """With the way that was tried and what to check; what the endpoint said is not in it, for it quotes the machine's header."""
    async with (
        azure_metadata.machine(monkeypatch, refuses=True) as (_, environment),
        aiohttp.ClientSession() as session,
    ):
        identity = entra.token("a", scope=SCOPE, around=around(session, environment))
        with pytest.raises(Failure, match=r"the managed identity got none \(.*\): give this machine") as failed:
            await shown(identity)
        await identity.aclose()
    assert failed.value.kind is Kind.MISCONFIGURED
    assert SCOPE in str(failed.value)
    assert "\n" not in str(failed.value)
    assert "not found in environment" not in str(failed.value)
    assert not any(word in f"{failed.value} {caplog.text}" for word in (azure_metadata.SECRET, "No User Assigned"))


CUT = b'{"access_token":"TOKSEKRET","expires_on":"17'


@pytest.mark.parametrize("status", [200, 400, 500])
@pytest.mark.parametrize("content_type", ["application/json", "text/plain"])
async def test_an_answer_that_is_cut_is_not_quoted(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, status: int, content_type: str
) -> None:
    """Half of one has the whole token in it: neither a caller nor the log is shown any of it."""
    reply = Reply(status=status, content_type=content_type, steps=[CUT])
    async with (
        azure_metadata.machine(monkeypatch, instead=reply) as (_, environment),
        aiohttp.ClientSession() as session,
    ):
        identity = entra.token("a", scope=SCOPE, around=around(session, environment))
        logging.getLogger("msal").setLevel(logging.NOTSET)
        with pytest.raises(Failure) as failed, caplog.at_level(logging.DEBUG):
            await shown(identity)
        await identity.aclose()
    assert failed.value.kind is Kind.MISCONFIGURED
    assert "TOKSEKRET" not in f"{failed.value} {caplog.text}"


@pytest.mark.parametrize("token", ["TOKSEKRET\r\nx: y", "TOKSEKRET\n", "TOKSEKRETü", {"TOKSEKRET": 1}, 5])
async def test_a_token_that_no_header_carries_is_none(monkeypatch: pytest.MonkeyPatch, token: object) -> None:
    """A failure like any other, by which the next backend has its turn."""
    reply: Reply = as_json({"access_token": token, "expires_on": "9999999999", "resource": "r", "token_type": "Bearer"})
    async with (
        azure_metadata.machine(monkeypatch, instead=reply) as (_, environment),
        aiohttp.ClientSession() as session,
    ):
        identity = entra.token("a", scope=SCOPE, around=around(session, environment))
        with pytest.raises(Failure) as failed:
            await shown(identity)
        await identity.aclose()
    assert failed.value.kind is Kind.MISCONFIGURED
    assert "TOKSEKRET" not in str(failed.value)


def test_of_entras_refusal_its_codes_are_told() -> None:
    """The secret of a file is no variable that could be taken out of the text: no text is taken at all."""
    error = ClientAuthenticationError(
        "Microsoft Entra ID error '(invalid_client) AADSTS7000215: Invalid client secret provided: s3cr3t-of-the-file'"
    )
    assert entra._told(error) == "ClientAuthenticationError, invalid_client, AADSTS7000215"
    assert entra._told(ValueError("s3cr3t-of-the-file")) == "ValueError"


async def test_a_token_stands_in_no_repr(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither in what is shown nor in the identity."""
    async with azure_metadata.machine(monkeypatch) as (_, environment), aiohttp.ClientSession() as session:
        identity = entra.token("a", scope=SCOPE, around=around(session, environment))
        said = await identity.show("", {}, b"")
        await identity.aclose()
    assert "entra-token" not in f"{said!r} {identity!r}"


@pytest.mark.parametrize(
    "scope", ["https://cognitiveservices.azure.com", "User.Read", "/.default", "https:///.default?a"]
)
async def test_a_scope_that_no_app_can_have_is_refused_at_start(scope: str) -> None:
    """Such as a person's; Entra would say so at the first request."""
    async with aiohttp.ClientSession() as session:
        with pytest.raises(RoutesError, match=r"backend 'a': auth.scope '.*' must be like https://host/.default"):
            entra.token("a", scope=scope, around=around(session, {}))


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({}, "the managed identity"),
        ({"AZURE_CLIENT_ID": "c"}, "the managed identity"),
        ({"AZURE_CLIENT_ID": "c", "AZURE_TENANT_ID": "t", "AZURE_CLIENT_SECRET": "s"}, "the service principal"),
        ({"AZURE_CLIENT_ID": "c", "AZURE_TENANT_ID": "t", "AZURE_CLIENT_SECRET_FILE": "/f"}, "the service principal"),
        ({"AZURE_CLIENT_ID": "c", "AZURE_TENANT_ID": "t", "AZURE_FEDERATED_TOKEN_FILE": "/f"}, "workload identity"),
    ],
)
def test_the_environment_says_which_way(environment: dict[str, str], said: str) -> None:
    """One way, chosen by what is set: nothing is tried in turn, and nobody is asked to sign in."""
    assert entra.way(environment).said.startswith(said)


def test_a_secret_that_is_not_there_is_named(tmp_path: Path) -> None:
    """With the variable and the file."""
    environment = {"AZURE_CLIENT_ID": "c", "AZURE_TENANT_ID": "t", "AZURE_CLIENT_SECRET_FILE": str(tmp_path / "none")}
    with pytest.raises(kept.NotGiven, match=r"AZURE_CLIENT_SECRET_FILE=.* cannot be read"):
        entra._fetched(SCOPE, environment)


def test_a_missing_package_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    """The image's other variants have none of Azure's packages."""
    monkeypatch.setitem(sys.modules, "azure.identity", None)
    with pytest.raises(kept.NotGiven, match="the package azure-identity is missing: "):
        entra._fetched(SCOPE, {})


def test_nothing_of_azure_is_imported_at_start() -> None:
    """It takes a second, and most apps never need it."""
    seen = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys, app.inference.adapters, app.inference.identity.entra; print('azure' in sys.modules)",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    assert seen.stdout.strip() == "False"
