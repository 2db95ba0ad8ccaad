"""Vertex AI as a routes file names it: where a request goes, whose model answers, what cannot be is refused at start; and Claude there, by Anthropic's own client."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import anthropic
import pytest

from app.inference.adapter import Surroundings
from app.inference.adapters import ability, build, price
from app.inference.identity.identity import Bearer
from app.inference.on_vertex import host
from app.inference.vertex_endpoint import Address, OwnEndpoint
from app.logic.answer import Failure, Kind
from app.logic.routes import BackendSpec, RoutesError, parse
from tests.inference.contract import KEY, backend, call, heard, opened, streamed
from tests.inference.fakes.claude_on_vertex import ClaudeOnVertex
from tests.inference.fakes.gemini import LOCATION, PROJECT, Gemini
from tests.inference.fakes.openai_on_vertex import PATH, OpenAIOnVertex
from tests.inference.fakes.server import Received, Reply, as_json, serving
from tests.inference.fakes.vendor import Fault, Said
from tests.inference.identity.google_metadata import Metadata, on_google

CLAUDE, GEMINI = ClaudeOnVertex(), Gemini()
SAID = Said(text=("Grüße",), tools=(("get_weather", ('{"city":', '"Paris"}')),), finish="tool_calls")
both = pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])


@pytest.mark.parametrize(
    ("location", "where"),
    [
        ("global", "https://aiplatform.googleapis.com"),
        ("eu", "https://aiplatform.eu.rep.googleapis.com"),
        ("us", "https://aiplatform.us.rep.googleapis.com"),
        ("europe-west4", "https://europe-west4-aiplatform.googleapis.com"),
        ("northamerica-northeast1", "https://northamerica-northeast1-aiplatform.googleapis.com"),
    ],
)
def test_each_location_has_its_host(location: str, where: str) -> None:
    """As Google's and Anthropic's own clients have it."""
    client = anthropic.AnthropicVertex(region=location, project_id=PROJECT, access_token=KEY)
    assert host(location) == where
    assert str(client.base_url) == f"{where}/v1/"


async def built(entry: str, **environment: str) -> Any:
    text = f"version: 1\nbackends: {{b: {{adapter: vertex, {entry}}}}}\nmodels: {{chat: {{backends: [{{use: b}}]}}}}"
    async with aiohttp.ClientSession() as session:
        around = Surroundings(http=session, engines={}, environment=environment)
        return build(parse(text, "routes.yaml"), around)["b"]


@pytest.mark.parametrize(
    ("entry", "why"),
    [
        ("model: gemini-2.5-flash, residency: strict", "residency: strict and location: global exclude each other"),
        ("model: gemini-2.5-flash, location: global, residency: strict", "name a region, or eu or us"),
        ("model: gemini-2.5-flash, location: evil.example/", "location 'evil.example/' is none"),
        ("model: gemini-2.5-flash, project: a/b", "project 'a/b' is not the id or number of a project"),
        ("model: meta/llama-4-maas", "'meta/llama-4-maas' is neither Google's nor Anthropic's"),
        ("model: ../x", "is neither Google's nor Anthropic's"),
        ("location: eu", "model is missing"),
        ("model: m, endpoint: '7'", "an endpoint is in a region: set location to it, such as europe-west4"),
        ("model: m, location: eu, endpoint: '7'", "an endpoint is in a region"),
        ("model: m, location: europe-west4, endpoint: a/b", "endpoint 'a/b' is not the id of one"),
        ("model: gemini-2.5-flash, key_env: KEY", "has no use for 'key_env' here"),
    ],
)
async def test_what_cannot_be_is_told_at_start(entry: str, why: str) -> None:
    """With the backend's name, and what to write instead."""
    with pytest.raises(RoutesError, match="backend 'b'") as raised:
        await built(entry)
    assert why in str(raised.value)


@pytest.mark.parametrize(
    ("entry", "environment", "path"),
    [
        ("model: gemini-2.5-flash", {}, ("", "global", "gemini-2.5-flash")),
        ("model: gemini-2.5-flash", {"GOOGLE_CLOUD_PROJECT": "p1"}, ("p1", "global", "gemini-2.5-flash")),
        (
            "model: google/gemini-2.5-flash, project: p2, location: eu, residency: strict",
            {"GOOGLE_CLOUD_PROJECT": "p1"},
            ("p2", "eu", "gemini-2.5-flash"),
        ),
        ("model: claude-sonnet-4-5@20250929, location: us-east5", {}, ("", "us-east5", "claude-sonnet-4-5@20250929")),
        ("model: anthropic/new-name", {}, ("", "global", "new-name")),
    ],
)
async def test_what_an_entry_may_leave_out(entry: str, environment: dict[str, str], path: tuple[str, ...]) -> None:
    """The project, which the machine knows, and the location; the publisher is told by the model's name."""
    member = await built(entry, **environment)
    subject = member.backend
    assert (subject.project, subject.location, subject.model) == path
    assert type(subject).__name__ == ("Claude" if "claude" in entry or "anthropic" in entry else "Gemini")
    assert subject.base_url == host(path[1])


async def test_places_fail_apart() -> None:
    """A model that is down in one location, or out of quota in one project, is not so in another."""
    entries = ("location: eu", "location: us", "project: p1", "project: p2")
    assert len({(await built(f"model: gemini-2.5-flash, {entry}")).circuit_key for entry in entries}) == len(entries)


async def test_without_a_project_a_request_says_so() -> None:
    """Neither the entry nor the machine nor its credential names one."""
    async with serving(Reply()) as fake, aiohttp.ClientSession() as session:
        around = Surroundings(
            http=session,
            engines={},
            environment={},
            identities={("google", "access_token"): Bearer(lambda: KEY)},
        )
        spec = f"version: 1\nbackends: {{b: {{adapter: vertex, model: gemini-2.5-flash, base_url: '{fake.url}'}}}}\nmodels: {{c: {{backends: [{{use: b}}]}}}}"
        subject = build(parse(spec, "routes.yaml"), around)["b"].backend
        with pytest.raises(
            Failure, match="no project is known: set project in its entry, or GOOGLE_CLOUD_PROJECT"
        ) as raised:
            await opened(subject, call())
    assert (raised.value.kind, fake.received) == (Kind.MISCONFIGURED, [])


def test_each_model_goes_on_in_its_own_way() -> None:
    """Older Claudes take up a last message of their own, newer ones and Gemini are asked to; all that think have time for it."""

    def known(model: str) -> tuple[str, bool]:
        found = ability(BackendSpec(adapter="vertex", model=model))
        return found.continuation, found.thinks

    assert known("claude-sonnet-4-5@20250929") == ("bare", True)
    assert known("claude-sonnet-4-6") == ("instruct", True)
    assert known("gemini-2.5-flash") == ("instruct", True)
    assert known("gemini-2.0-flash") == ("instruct", False)


@pytest.mark.parametrize("model", ["gemini-2.5-flash", "claude-sonnet-4-5@20250929", "google/gemini-2.5-flash"])
def test_both_publishers_models_have_a_price(model: str) -> None:
    """As Google sells them."""
    assert price(BackendSpec(adapter="vertex", model=model)) is not None


def vertex_client(url: str) -> anthropic.AsyncAnthropicVertex:
    return anthropic.AsyncAnthropicVertex(
        region=LOCATION, project_id=PROJECT, access_token=KEY, base_url=f"{url}/v1", max_retries=0
    )


@both
async def test_anthropics_client_sends_what_the_adapter_sends(stream: bool) -> None:
    """The same path and the same body for Claude on Vertex AI, but for the version: the client's refuses what OpenAI's callers send."""
    reply = streamed(CLAUDE, *CLAUDE.stream(SAID)) if stream else CLAUDE.whole(SAID)
    asked: dict[str, Any] = {
        "max_tokens": 9,
        "stop_sequences": ["END"],
        "messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}]}],
        "system": [{"type": "text", "text": "Be brief."}],
    }
    async with serving(reply) as fake, vertex_client(fake.url) as client:
        if stream:
            chunks = [
                chunk async for chunk in await client.messages.create(model="vendor-model-1", stream=True, **asked)
            ]
            assert chunks[-1].type == "message_stop"
        else:
            message = await client.messages.create(model="vendor-model-1", stream=False, **asked)
            assert message.stop_reason == "tool_use"
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "hi"}]
    async with backend(CLAUDE, reply) as (subject, ours):
        fields: dict[str, Any] = {"messages": messages, "max_tokens": 9, "stop": "END"}
        answer = await heard(await opened(subject, call(stream=stream, **fields)), stream=stream)

    assert (answer.text, answer.finish) == ("Grüße", "tool_calls")
    assert ours.received[0].path == fake.received[0].path
    version = {"anthropic_version": "vertex-2023-10-16"}
    assert ours.received[0].body == {**fake.received[0].body, **version}
    assert ours.received[0].headers["authorization"] == fake.received[0].headers["authorization"]


def endpoint(answer: dict[str, Any], *, status: int = 200) -> Callable[[Received], Reply]:
    """Google's API, which knows one endpoint; all else is asked of the metadata server."""
    metadata = Metadata()

    def replied(received: Received) -> Reply:
        if received.path.startswith(f"{PATH}?") or received.path == PATH:
            assert received.headers["authorization"] == "Bearer ya29.token-1"
            return as_json(answer, status=status)
        return metadata(received)

    return replied


async def looked_up(
    answer: dict[str, Any], monkeypatch: pytest.MonkeyPatch, nowhere: Path, *, status: int = 200
) -> tuple[str, str]:
    """The address that Google's client finds, and that of the API."""
    async with on_google(endpoint(answer, status=status), monkeypatch, nowhere) as fake:
        address = Address("b")
        try:
            resource = PATH.removeprefix("/v1/")
            found = await address.get(fake.url, resource)
            asked = len(fake.received)
            assert await address.get(fake.url, resource) == found
            assert len(fake.received) == asked
        finally:
            await address.aclose()
        return found, fake.url


async def test_an_endpoint_has_an_address_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Asked of Google once, by its own client; one that has none is behind the region's."""
    host = "1234567890.europe-west4-42.prediction.vertexai.goog"
    answer = {"name": PATH, "dedicatedEndpointEnabled": True, "dedicatedEndpointDns": host}
    assert (await looked_up(answer, monkeypatch, tmp_path))[0] == f"https://{host}"
    found, api = await looked_up({"name": PATH}, monkeypatch, tmp_path)
    assert found == api


async def test_an_endpoint_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """With what was asked, and what may be wrong; not with what Google said."""
    error = {"error": {"code": 404, "status": "NOT_FOUND", "message": "ya29.never-shown"}}
    with pytest.raises(Failure) as raised:
        await looked_up(error, monkeypatch, tmp_path, status=404)
    assert raised.value.kind is Kind.MISCONFIGURED
    assert f"answered 404 for {PATH.removeprefix('/v1/')}: is the id right" in raised.value.reason
    assert "ya29" not in raised.value.reason


@pytest.mark.parametrize("may_sleep", [True, False])
@pytest.mark.parametrize(
    ("fault", "wakes"),
    [(Fault.RATE_LIMITED, True), (Fault.OVERLOADED, True), (Fault.BROKEN, False), (Fault.TOO_LONG, False)],
)
async def test_an_endpoint_at_zero_is_waking(may_sleep: bool, fault: Fault, wakes: bool) -> None:
    """Where it may be: else it is busy, and nobody waits for minutes."""
    vendor = OpenAIOnVertex()
    for reply in (vendor.fault(fault), GEMINI.fault(fault)):
        async with backend(vendor, reply) as (subject, _):
            assert isinstance(subject, OwnEndpoint)
            sleeping = replace(subject, may_sleep=may_sleep)
            with pytest.raises(Failure) as raised:
                await opened(sleeping, call())
        assert raised.value.waking is (wakes and may_sleep)


def test_an_endpoints_tokens_have_no_price() -> None:
    """Its machines are paid for by the hour; the name of its model may be that of one that is sold."""
    assert price(BackendSpec(adapter="vertex", model="gemini-2.5-flash", endpoint="7")) is None
    assert ability(BackendSpec(adapter="vertex", model="claude-sonnet-4-5", endpoint="7")).continuation == "instruct"


@pytest.mark.parametrize(
    ("entry", "sentence"),
    [
        ("location: eu, residency: strict, base_url: https://aiplatform.googleapis.com", "is not where location eu answers"),
        ("location: europe-west4, base_url: https://us-east1-aiplatform.googleapis.com", "is not where location europe-west4 answers"),
        ("location: europe-west4, base_url: https://aiplatform.eu.rep.googleapis.com", "is not where location europe-west4 answers"),
        ("location: europe-west4, base_url: https://AIPLATFORM.googleapis.com./", "is not where location europe-west4 answers"),
        ("location: europe-west4, base_url: https://us-east1-aiplatform-psc.p.googleapis.com", "is not where location europe-west4 answers"),
        ("base_url: https://aiplatform.googleapis.com/v1", "leave 'v1' out"),
        ("base_url: http://127.0.0.1:9/v1beta1/", "leave 'v1beta1' out"),
    ],
)  # fmt: skip
async def test_an_address_of_googles_is_that_of_the_location(entry: str, sentence: str) -> None:
    """Else a request would leave it, whatever the path says; and the version is the adapter's."""
    with pytest.raises(RoutesError, match=sentence):
        await built(f"model: gemini-2.5-pro, project: p-1, {entry}")


@pytest.mark.parametrize(
    "entry",
    [
        "location: eu, residency: strict, base_url: https://aiplatform.eu.rep.googleapis.com/",
        "location: europe-west4, base_url: https://europe-west4-aiplatform.googleapis.com",
        "location: europe-west4, base_url: https://europe-west4-aiplatform-psc.p.googleapis.com",
        "location: europe-west4, base_url: https://gateway.corp.example/vertex",
    ],
)
async def test_an_address_of_the_location_or_of_ones_own_is_taken(entry: str) -> None:
    """What is no host of Google's is nobody's to judge."""
    await built(f"model: gemini-2.5-pro, project: p-1, {entry}")
