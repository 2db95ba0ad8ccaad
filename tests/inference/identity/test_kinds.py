"""`auth:` of a backend: each kind says what it lacks at start, and a key beside it goes where the server looks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import aiohttp
import pytest

from app.inference import http
from app.inference.adapter import Surroundings
from app.inference.adapters import build
from app.inference.identity.identity import Bearer, Both, Identity, KeyIn, Shown
from app.inference.openai_compatible import OpenAICompatible
from app.logic.answer import Backend, Failure
from app.logic.routes import RoutesError, parse
from tests.inference.contract import call, heard, opened
from tests.inference.fakes.openai import OpenAI
from tests.inference.fakes.server import Reply, as_json, serving
from tests.inference.fakes.vendor import Said
from tests.inference.identity import azure_metadata


def backend(
    text: str,
    session: aiohttp.ClientSession,
    environment: dict[str, str],
    around: dict[tuple[str, ...], Identity] | None = None,
) -> Backend:
    routes = parse(
        f"version: 1\nbackends: {{b: {{{text}}}}}\nmodels: {{chat: {{backends: [{{use: b}}]}}}}", "routes.yaml"
    )
    here = Surroundings(http=session, engines={}, environment=environment, identities={} if around is None else around)
    return build(routes, here)["b"].backend


@pytest.mark.parametrize(
    ("auth", "why"),
    [
        ("kind: entra", "auth of kind entra needs 'scope', such as api://APP-ID/.default: add it under 'auth'"),
        ("kind: gcp_id_token", "auth of kind gcp_id_token needs 'audience'"),
        ("kind: aws_sigv4", "auth of kind aws_sigv4 needs 'service'"),
        ("kind: entra, scope: 'api://a/.default', audience: b", "has no use for 'audience': leave it out"),
    ],
)
async def test_what_is_missing_is_said_at_start(auth: str, why: str) -> None:
    """With the backend's name and what to add."""
    async with aiohttp.ClientSession() as session:
        with pytest.raises(RoutesError, match="backend 'b'") as raised:
            backend(f"adapter: vllm, model: m, auth: {{{auth}}}", session, {})
    assert why in str(raised.value)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (
            "adapter: groq, model: m, auth: {kind: entra, scope: 'api://a/.default'}",
            "adapter groq has no use for 'auth'",
        ),
        ("adapter: vllm, model: m, region: eu-west-1", "'region' is read with auth of kind aws_sigv4 only"),
    ],
)
async def test_what_would_be_ignored_is_refused(text: str, why: str) -> None:
    """A vendor of its own takes no cloud's identity, and no region is for nothing."""
    async with aiohttp.ClientSession() as session:
        with pytest.raises(RoutesError, match=why):
            backend(text, session, {"GROQ_API_KEY": "k"})


@pytest.mark.parametrize("kind", ["kind: gcp_id_token, audience: 'https://a'", "kind: aws_sigv4, service: lambda"])
@pytest.mark.parametrize("adapter", ["azure_openai", "foundry"])
async def test_azures_own_take_no_other_clouds_identity(adapter: str, kind: str) -> None:
    """They would answer 401 to every request."""
    text = f"adapter: {adapter}, model: m, base_url: 'https://r.openai.azure.com'"
    async with aiohttp.ClientSession() as session:
        with pytest.raises(RoutesError, match=f"opens nothing at {adapter}: it takes kind: entra, or a key"):
            backend(f"{text}, auth: {{{kind}}}", session, {"AWS_REGION": "eu-west-1"})
        backend(f"{text}, auth: {{kind: entra}}", session, {})


@pytest.mark.parametrize(
    ("auth", "is_taken"),
    [
        ("kind: gcp_id_token, audience: foo", False),
        ("kind: gcp_id_token, audience: 'https://'", False),
        ("kind: gcp_id_token, audience: 'https://a b'", False),
        ("kind: gcp_id_token, audience: 'https://a.run.app/x'", True),
        ("kind: gcp_id_token, audience: 123-ab0c.apps.googleusercontent.com", True),
        ("kind: aws_sigv4, service: 'Amazon Lambda!'", False),
        ("kind: aws_sigv4, service: Lambda", False),
        ("kind: aws_sigv4, service: vpc-lattice-svcs", True),
    ],
)
async def test_what_no_cloud_knows_is_refused_at_start(auth: str, is_taken: bool) -> None:
    """Else the first request would be the one that learns of it."""
    text = f"adapter: vllm, model: m, auth: {{{auth}}}"
    async with aiohttp.ClientSession() as session:
        if is_taken:
            backend(text, session, {"AWS_REGION": "eu-west-1"})
        else:
            with pytest.raises(RoutesError, match=r"backend 'b': auth\.(audience|service) '.*' must be like "):
                backend(text, session, {"AWS_REGION": "eu-west-1"})


@dataclass(frozen=True)
class Signed:
    """A machine's identity that tells what it was given to sign."""

    headers: dict[str, str]
    signed: list[dict[str, str]] = field(default_factory=list)

    async def show(self, url: str, headers: Mapping[str, str], body: bytes) -> Shown:
        self.signed.append(dict(headers))
        return Shown(self.headers, "machine-secret")

    async def aclose(self) -> None:
        """Nothing is held."""


async def test_cloud_runs_token_leaves_authorization_to_the_key() -> None:
    """Cloud Run looks at X-Serverless-Authorization first and passes the other on to the server."""
    machine = Signed({"x-serverless-authorization": "Bearer id-token"})
    shown = await Both(machine, Bearer(lambda: "sk-1")).show("", {}, b"")
    assert shown.headers == {"authorization": "Bearer sk-1", "x-serverless-authorization": "Bearer id-token"}
    assert (shown.secret, shown.other_secret) == ("machine-secret", "sk-1")


async def test_a_signature_is_over_the_key_as_well() -> None:
    """The key goes as x-api-key, and whoever signs sees it."""
    machine = Signed({"authorization": "AWS4-HMAC-SHA256 …"})
    shown = await Both(machine, KeyIn("x-api-key", "sk-1")).show("", {"x-request-id": "r"}, b"")
    assert machine.signed == [{"x-request-id": "r", "x-api-key": "sk-1"}]
    assert shown.headers == {"authorization": "AWS4-HMAC-SHA256 …", "x-api-key": "sk-1"}


async def test_a_private_server_gets_a_token_and_its_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """The token for what stands before it, the key for itself; an error quotes neither."""
    quoted = as_json({"error": {"message": "entra-token-1 and sk-secret-1 are no good"}}, status=400)
    page = Reply(content_type="text/html", steps=[b"<p>entra-token-1 sk-secret-1</p>"])
    async with (
        azure_metadata.machine(monkeypatch) as (_, environment),
        serving(OpenAI().whole(Said(text=("hi",))), quoted, page) as server,
        http.session() as session,
    ):
        held: dict[tuple[str, ...], Identity] = {}
        text = f"adapter: vllm, model: m, base_url: '{server.url}/v1', key_env: KEY, auth: {{kind: entra, scope: 'api://a/.default'}}"
        subject = backend(text, session, environment | {"KEY": "sk-secret-1"}, held)
        said = await heard(await opened(subject, call(stream=False)), stream=False)
        with pytest.raises(Failure) as failed:
            await opened(subject, call(stream=False))
        with pytest.raises(Failure, match=r"<p>\*\*\* \*\*\*</p>"):
            await opened(subject, call(stream=False))
        for identity in held.values():
            await identity.aclose()

    assert said.text == "hi"
    assert server.received[0].headers["authorization"] == "Bearer entra-token-1"
    assert server.received[0].headers["x-api-key"] == "sk-secret-1"
    assert "*** and *** are no good" in str(failed.value)


@pytest.mark.parametrize(("status", "tokens"), [(401, ["1", "2"]), (403, ["1", "1"])])
async def test_a_token_that_got_401_is_another_for_the_next_request(
    monkeypatch: pytest.MonkeyPatch, status: int, tokens: list[str]
) -> None:
    """401 says that the token is no good; 403 that it is, and may not."""
    monkeypatch.setattr("app.inference.identity.kept.AGAIN_S", 0.0)
    refused: Reply = as_json({"error": {"message": "expired"}}, status=status)
    async with (
        azure_metadata.machine(monkeypatch) as (_, environment),
        serving(refused, OpenAI().whole(Said(text=("hi",)))) as server,
        http.session() as session,
    ):
        held: dict[tuple[str, ...], Identity] = {}
        text = f"adapter: tgi, model: m, base_url: '{server.url}/v1', auth: {{kind: entra, scope: 'api://a/.default'}}"
        subject = backend(text, session, environment, held)
        with pytest.raises(Failure, match="refuses this app's credential"):
            await opened(subject, call(stream=False))
        await heard(await opened(subject, call(stream=False)), stream=False)
        for identity in held.values():
            await identity.aclose()

    assert [one.headers["authorization"] for one in server.received] == [f"Bearer entra-token-{n}" for n in tokens]


async def test_without_auth_nothing_has_changed() -> None:
    """A key is a bearer token, and none is none."""
    async with aiohttp.ClientSession() as session:
        subject = backend("adapter: vllm, model: m", session, {})
    assert isinstance(subject, OpenAICompatible)
    assert (await subject.identity.show("", {}, b"")).headers == {}


async def test_who_the_app_is_tells_two_circuits_apart() -> None:
    """A role that is lacking stops one backend, not the other that enters the same server with a key."""
    text = "version: 1\nbackends:\n  a: {adapter: vllm, model: m}\n  b: {adapter: vllm, model: m, auth: {kind: entra, scope: 'api://a/.default'}}\n"
    routes = parse(text + "models: {chat: {backends: [{use: a}, {use: b}]}}", "routes.yaml")
    async with aiohttp.ClientSession() as session:
        members = build(routes, Surroundings(http=session, engines={}, environment={}))
    assert members["a"].circuit_key != members["b"].circuit_key


@pytest.mark.parametrize("address", ["http://h:99999/v1", "http://[::1/v1"])
async def test_an_address_that_is_none_is_refused_at_start(address: str) -> None:
    """Else each request would fail by it."""
    async with aiohttp.ClientSession() as session:
        with pytest.raises(RoutesError, match="backend 'b': base_url must be like https://host/v1"):
            backend(f"adapter: vllm, model: m, base_url: '{address}'", session, {})
