"""Who the app is on Google Cloud: real google-auth against a metadata server on a socket."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from app.inference.adapter import Surroundings
from app.inference.identity import google
from app.inference.identity.google import GoogleToken, access_token, id_token
from app.inference.identity.identity import Identity
from app.logic.answer import Failure, Kind
from app.logic.routes import RoutesError
from tests.inference.fakes.server import Reply, Then, as_json, serving
from tests.inference.identity.google_metadata import FLAVOR, Metadata, on_google, said

AUDIENCE = "https://app-abc-ew.a.run.app"
SECRET = "ya29.never-shown"


@pytest.fixture
async def around() -> AsyncIterator[Surroundings]:
    async with aiohttp.ClientSession() as session:
        yield Surroundings(http=session, engines={}, environment={})


@pytest.fixture
def metadata() -> Metadata:
    return Metadata()


@pytest.fixture
async def _here(metadata: Metadata, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> AsyncIterator[None]:
    async with on_google(metadata, monkeypatch, tmp_path):
        yield


async def shown(identity: Identity) -> dict[str, str]:
    return dict((await identity.show("https://x", {}, b"")).headers)


async def refused(identity: Identity) -> str:
    """Why there is no credential."""
    with pytest.raises(Failure) as failed:
        await identity.show("https://x", {}, b"")
    assert failed.value.kind is Kind.MISCONFIGURED
    await identity.aclose()
    return failed.value.reason


@pytest.mark.usefixtures("_here")
async def test_one_access_token_is_fetched_for_all_backends(metadata: Metadata, around: Surroundings) -> None:
    """It is shown as a bearer token, and taken out of whatever a backend says; the project comes with it."""
    one, other = access_token("a", around), access_token("b", around)
    given = await one.show("https://x", {}, b"")

    assert (dict(given.headers), given.secret) == ({"authorization": "Bearer ya29.token-1"}, "ya29.token-1")
    assert await shown(other) == dict(given.headers)
    assert isinstance(one, GoogleToken)
    assert await one.project() == "my-project"
    assert metadata.given == 1
    assert "ya29" not in repr(given) + repr(one)
    await one.aclose()


@pytest.mark.usefixtures("_here")
async def test_a_token_that_has_ended_is_replaced(metadata: Metadata, around: Surroundings) -> None:
    """The next request has the next one."""
    identity = access_token("a", around)
    first, ends = await shown(identity), _ends(identity)
    assert isinstance(identity, GoogleToken)
    identity.kept._clock = lambda: ends

    assert (first, await shown(identity)) == (
        {"authorization": "Bearer ya29.token-1"},
        {"authorization": "Bearer ya29.token-2"},
    )
    await identity.aclose()


def _ends(identity: Identity) -> float:
    assert isinstance(identity, GoogleToken)
    have = identity.kept._have
    assert have is not None
    assert have.ends_at is not None
    return have.ends_at


@pytest.fixture
def _in_tokyo(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as there:
        there.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("_here", "_in_tokyo")
async def test_an_end_is_read_in_utc(around: Surroundings) -> None:
    """google-auth gives it without a zone: read as local time, a token would be used for hours after its end, or never."""
    identity = access_token("a", around)
    await shown(identity)

    assert _ends(identity) - time.time() == pytest.approx(3599, abs=60)
    await identity.aclose()


@pytest.mark.usefixtures("_here")
async def test_an_id_token_is_for_its_audience(metadata: Metadata, around: Surroundings) -> None:
    """In the header that Cloud Run reads beside the app's own; a token for each audience."""
    identity = id_token("a", audience=AUDIENCE, around=around)
    other = id_token("b", audience="https://other", around=around)
    [(header, value)] = (await shown(identity)).items()

    assert (header, value[:9]) == ("x-serverless-authorization", "Bearer ey")
    assert id_token("c", audience=AUDIENCE, around=around) is identity
    assert value not in (await shown(other)).values()
    assert metadata.audiences == [AUDIENCE, "https://other"]
    await identity.aclose()
    await other.aclose()


async def test_an_id_token_needs_an_audience(around: Surroundings) -> None:
    """At start, in one sentence."""
    with pytest.raises(RoutesError, match=r"backend 'a': .* needs audience"):
        id_token("a", audience="", around=around)


@pytest.mark.usefixtures("_here")
@pytest.mark.parametrize(
    ("instead", "why"),
    [
        (
            Reply(status=404, headers=FLAVOR, steps=[SECRET.encode()]),
            "answered 404: this machine has no service account",
        ),
        (Reply(status=403, headers=FLAVOR, steps=[SECRET.encode()]), "answered 403"),
        (said({"access_tokens": SECRET}), "answered 200, which is not understood"),
        (said({"access_token": SECRET + "\n", "expires_in": 9}), "no token that a header can carry"),
        (said({"access_token": SECRET, "expires_in": 1e999}), ""),
        (said({"access_token": SECRET, "expires_in": -9}), "has ended already"),
        (
            Reply(content_type="text/html", headers=FLAVOR, steps=[SECRET.encode()]),
            "answered 200, which is not understood",
        ),
    ],
)
@pytest.mark.parametrize("kind", ["access", "id"])
async def test_what_the_metadata_server_says_is_not_quoted(
    metadata: Metadata, around: Surroundings, instead: Reply, why: str, kind: str
) -> None:
    """It may be a token: its address and its status are told."""
    metadata.instead = instead
    identity = access_token("a", around) if kind == "access" else id_token("a", audience=AUDIENCE, around=around)
    reason = await refused(identity)

    assert SECRET not in reason
    assert why in reason or kind == "id"
    assert reason.startswith(f"Google's {'access token' if kind == 'access' else 'ID token for ' + AUDIENCE}: ")


@pytest.mark.usefixtures("_here")
async def test_a_silent_metadata_server_is_waited_for_only_so_long(
    metadata: Metadata, around: Surroundings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One limit for all that google-auth asks, however often it tries again."""
    monkeypatch.setattr(google, "FETCH_S", 0.3)
    metadata.instead = Reply(before_head=Then.SILENCE)

    assert "did not answer within 0.3 s" in await refused(access_token("a", around))


async def test_a_connection_that_is_refused_is_no_silence(
    around: Surroundings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Whoever reads of 15 s looks for a slow server, where there is none."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))  # and nobody listens
        address = "{}:{}".format(*bound.getsockname())
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", key_file(tmp_path, f"http://{address}/token"))
        reason = await refused(access_token("a", around))
    assert f"{address} could not be reached" in reason
    assert "did not answer" not in reason


def test_no_request_of_a_fetch_may_take_longer_than_all_of_it() -> None:
    """Whatever google-auth allows it: 120 s to a token endpoint. Its shorter limits stay."""
    allowed: list[float] = []

    class Requested:
        status = 200

        def __call__(self, url: str, *, timeout: float, **more: Any) -> Requested:
            allowed.append(timeout)
            return self

    asked = google._Asked(Requested(), RuntimeError, TimeoutError)
    for timeout in (None, 120.0, 3.0):
        asked("https://oauth2.example/token", timeout=timeout)
    assert [each <= google.FETCH_S for each in allowed] == [True] * 3
    assert allowed[2] == 3.0


async def test_no_credential_says_where_one_may_come_from(
    around: Surroundings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A machine that is not Google's, and a file that is not there."""
    async with on_google(Metadata(), monkeypatch, tmp_path):
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "nowhere.json"))
        reason = await refused(access_token("a", around))

    assert f"File {tmp_path}/nowhere.json was not found" in reason
    assert "set GOOGLE_APPLICATION_CREDENTIALS" in reason


def key_file(folder: Path, token_uri: str) -> str:
    """A service account's key, made here: nobody knows it."""
    made = subprocess.run(
        ["openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
        capture_output=True,
        text=True,
        check=True,
    )
    account = {
        "type": "service_account",
        "project_id": "of-the-file",
        "private_key_id": "1",
        "private_key": made.stdout,
        "client_email": "app@of-the-file.iam.gserviceaccount.com",
        "token_uri": token_uri,
    }
    path = folder / "key.json"
    path.write_text(json.dumps(account))
    return str(path)


async def test_a_service_accounts_file_is_exchanged_for_tokens(
    around: Surroundings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """For an access token and for an ID token, and its project is the file's; a key that is gone is told with OAuth's code."""
    identity_token = Metadata()._identity(AUDIENCE).steps[0]
    assert isinstance(identity_token, bytes)
    granted = {"access_token": "ya29.of-the-file", "expires_in": 3599, "id_token": identity_token.decode()}
    gone = as_json({"error": "invalid_grant", "error_description": SECRET}, status=400)
    async with serving(as_json(granted), as_json(granted), gone) as endpoint:
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", key_file(tmp_path, f"{endpoint.url}/token"))
        monkeypatch.delenv("GOOGLE_CLOUD_PROJECT", raising=False)
        access = access_token("a", around)
        assert await shown(access) == {"authorization": "Bearer ya29.of-the-file"}
        assert isinstance(access, GoogleToken)
        assert await access.project() == "of-the-file"
        identity = id_token("a", audience=AUDIENCE, around=around)
        assert (await shown(identity))["x-serverless-authorization"].removeprefix("Bearer ") == identity_token.decode()
        reason = await refused(id_token("a", audience="https://other", around=around))
    assert "answered 400 (invalid_grant): the credential's file is of an account or key that is gone" in reason
    assert SECRET not in reason
    await access.aclose()
    await identity.aclose()


_SCRIPT = """
import asyncio, sys
from app.inference.identity.google import access_token
class Around: identities = {}
identity = access_token("a", Around)
assert "google.auth" not in sys.modules
async def main():
    print(dict((await identity.show("https://x", {}, b"")).headers))
    await identity.aclose()
%s
asyncio.run(main())
"""
_WITHOUT = "sys.modules['google.auth'] = None"


@pytest.mark.usefixtures("_here")
async def test_the_project_that_pays_is_told(around: Surroundings, monkeypatch: pytest.MonkeyPatch) -> None:
    """A person's credential is of no project, and Google refuses it otherwise. It is no secret, and in no ID token's request."""
    monkeypatch.setenv("GOOGLE_CLOUD_QUOTA_PROJECT", "payer")
    identity, other = access_token("a", around), id_token("a", audience=AUDIENCE, around=around)
    assert await shown(identity) == {"authorization": "Bearer ya29.token-1", "x-goog-user-project": "payer"}
    assert list(await shown(other)) == ["x-serverless-authorization"]
    await identity.aclose()
    await other.aclose()


async def script(fake_url: str, folder: Path, extra: str = "") -> str:
    """What a process of its own prints, which google-auth finds by the environment alone."""
    host = fake_url.removeprefix("http://")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("GOOGLE", "GCE", "GCLOUD"))}
    environment = kept | {"GCE_METADATA_HOST": host, "GCE_METADATA_IP": host, "CLOUDSDK_CONFIG": str(folder)}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        _SCRIPT % extra,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=environment,
    )
    printed, _ = await process.communicate()
    return printed.decode()


async def test_the_metadata_servers_address_can_be_set(tmp_path: Path) -> None:
    """As google-auth lets everybody set it; and google-auth is not imported before a token is wanted."""
    async with serving(Metadata()) as fake:
        assert "{'authorization': 'Bearer ya29.token-1'}" in await script(fake.url, tmp_path)


async def test_a_missing_package_is_one_sentence(tmp_path: Path) -> None:
    """With what to install: the plain image has no google-auth."""
    async with serving(Metadata()) as fake:
        printed = await script(fake.url, tmp_path, _WITHOUT)
    assert "the package google-auth is not installed: use the image's variant gcp" in printed.splitlines()[-1]
