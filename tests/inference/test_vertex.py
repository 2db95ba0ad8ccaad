"""Vertex AI as a routes file names it: where a request goes, whose model answers, what cannot be is refused at start; and Claude there, by Anthropic's own client."""

from __future__ import annotations

from typing import Any

import aiohttp
import anthropic
import pytest

from app.inference.adapter import Surroundings
from app.inference.adapters import ability, build, price
from app.inference.identity.identity import Bearer
from app.inference.vertex import host
from app.logic.answer import Failure, Kind
from app.logic.routes import BackendSpec, RoutesError, parse
from tests.inference.contract import KEY, backend, call, heard, opened, streamed
from tests.inference.fakes.claude_on_vertex import ClaudeOnVertex
from tests.inference.fakes.gemini import LOCATION, PROJECT
from tests.inference.fakes.server import Reply, serving
from tests.inference.fakes.vendor import Said

CLAUDE = ClaudeOnVertex()
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
        identities = {("google", "access_token"): Bearer(lambda: KEY)}
        around = Surroundings(http=session, engines={}, environment={}, identities=dict(identities))
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
