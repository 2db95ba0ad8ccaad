"""Azure OpenAI, Foundry and Azure AI Inference: what the contract suite does not ask, for no other vendor has it."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from app.inference import http
from app.inference.adapter import Surroundings
from app.inference.adapters import ADAPTERS, build
from app.inference.azure import MICROSOFTS, SCOPE
from app.inference.identity.identity import Identity
from app.logic.answer import Backend, Failure, Kind
from app.logic.routes import BackendSpec, RoutesError, parse
from tests.inference.contract import KEY, call, heard, opened
from tests.inference.fakes.azure import LATE_MARKS, AIInference, AzureOpenAI
from tests.inference.fakes.server import Reply, as_json, as_stream, serving
from tests.inference.fakes.vendor import USAGE, Fault, Said
from tests.inference.identity import azure_metadata

TEXT = Said(text=("Grüße, ", "世界"))
ENVIRONMENT = {"AZURE_OPENAI_API_KEY": KEY}


def backend(text: str, session: Any, environment: dict[str, str] | None = None, held: Any = None) -> Backend:
    routes = parse(
        f"version: 1\nbackends: {{b: {{{text}}}}}\nmodels: {{chat: {{backends: [{{use: b}}]}}}}", "routes.yaml"
    )
    around = Surroundings(
        http=session, engines={}, environment=ENVIRONMENT if environment is None else environment, identities=held or {}
    )
    return build(routes, around)["b"].backend


@pytest.mark.parametrize("path", ["", "/", "/openai/v1", "/openai/v1/", "/gateway", "/api/projects/p/openai/v1"])
@pytest.mark.parametrize("adapter", ["azure_openai", "foundry"])
async def test_base_url_is_the_resource_or_its_api(adapter: str, path: str) -> None:
    """With or without /openai/v1 at its end, also behind a gateway or a project."""
    async with serving(AzureOpenAI().whole(TEXT)) as fake, http.session() as session:
        subject = backend(f"adapter: {adapter}, model: mine, base_url: '{fake.url}{path}'", session)
        await heard(await opened(subject, call(stream=False)), stream=False)
    [received] = fake.received
    assert received.path == f"{path.rstrip('/').removesuffix('/openai/v1')}/openai/v1/chat/completions"
    assert received.body["model"] == "mine"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (
            "adapter: azure_openai, model: m",
            "adapter azure_openai needs base_url, such as https://RESOURCE.openai.azure.com",
        ),
        ("adapter: foundry, model: m", "needs base_url, such as https://RESOURCE.services.ai.azure.com"),
        (
            "adapter: azure_openai, model: m, base_url: 'https://r.openai.azure.com/openai/deployments/m'",
            "base_url is of an older API: write https://RESOURCE.openai.azure.com",
        ),
        (
            "adapter: foundry, model: m, base_url: 'https://r.services.ai.azure.com/models'",
            "base_url is of an older API",
        ),
        ("adapter: azure_openai, base_url: 'https://r.openai.azure.com'", "model is missing"),
    ],
)
async def test_what_is_missing_or_of_another_api_is_told_at_start(text: str, why: str) -> None:
    """With the form that is right."""
    async with http.session() as session:
        with pytest.raises(RoutesError) as raised:
            backend(text, session)
    assert why in str(raised.value)


async def test_a_key_stands_in_api_key_alone() -> None:
    """A key as a bearer token would be taken for one of Entra's."""
    async with serving(AzureOpenAI().whole(TEXT)) as fake, http.session() as session:
        subject = backend(f"adapter: azure_openai, model: m, base_url: '{fake.url}'", session)
        await heard(await opened(subject, call(stream=False)), stream=False)
    assert fake.received[0].headers["api-key"] == KEY
    assert "authorization" not in fake.received[0].headers


@pytest.mark.parametrize("adapter", ["azure_openai", "foundry"])
async def test_entra_takes_the_keys_place(adapter: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """No key is needed then, and the scope is known; a token that got 401 is another for the next request."""
    monkeypatch.setattr("app.inference.identity.kept.AGAIN_S", 0.0)
    refused = as_json({"error": {"code": "401", "message": "The token entra-token-1 has expired"}}, status=401)
    async with (
        azure_metadata.machine(monkeypatch) as (endpoint, environment),
        serving(refused, AzureOpenAI().whole(TEXT)) as fake,
        http.session() as session,
    ):
        held: dict[tuple[str, ...], Identity] = {("other",): _Nobody()}
        subject = backend(
            f"adapter: {adapter}, model: m, base_url: '{fake.url}', auth: {{kind: entra}}", session, environment, held
        )
        with pytest.raises(Failure) as failed:
            await opened(subject, call(stream=False))
        await heard(await opened(subject, call(stream=False)), stream=False)
        for identity in held.values():
            await identity.aclose()

    assert failed.value.kind is Kind.MISCONFIGURED
    assert "entra-token" not in f"{failed.value} {failed.value.reported}"
    assert [one.headers["authorization"] for one in fake.received] == ["Bearer entra-token-1", "Bearer entra-token-2"]
    assert all("api-key" not in one.headers for one in fake.received)
    assert SCOPE.removesuffix("/.default").removeprefix("https://") in endpoint.received[0].path


class _Nobody:
    async def show(self, url: str, headers: Any, body: bytes) -> Any:
        raise AssertionError("another backend's identity")

    async def aclose(self) -> None:
        """Nothing is held."""


async def test_a_filtered_prompt_is_refused_by_policy() -> None:
    """Whatever the inner error adds: the router asks no other backend for it."""
    async with serving(AzureOpenAI().fault(Fault.REFUSED)) as fake, http.session() as session:
        subject = backend(f"adapter: azure_openai, model: m, base_url: '{fake.url}'", session)
        with pytest.raises(Failure) as failed:
            await opened(subject, call(stream=False))
    assert (failed.value.kind, failed.value.reported.code) == (Kind.REFUSED_BY_POLICY, "content_filter")


async def test_an_answer_that_is_filtered_half_way_ends_with_its_reason() -> None:
    """It is no cut, so nobody goes on with it."""
    events = AzureOpenAI().stream(Said(text=("Once ",), finish="content_filter"))
    async with serving(as_stream(*events)) as fake, http.session() as session:
        subject = backend(f"adapter: azure_openai, model: m, base_url: '{fake.url}'", session)
        said = await heard(await opened(subject, call(include_usage=True)))
    assert (said.text, said.finish, said.usage) == ("Once ", "content_filter", USAGE)


async def test_marks_that_come_late_are_no_end_and_no_content() -> None:
    """With the asynchronous filter a chunk in the middle has a choice without a delta."""
    opening, first, *rest = AzureOpenAI().stream(TEXT)
    async with serving(as_stream(opening, first, LATE_MARKS, *rest, LATE_MARKS)) as fake, http.session() as session:
        subject = backend(f"adapter: azure_openai, model: m, base_url: '{fake.url}'", session)
        said = await heard(await opened(subject, call()))
    assert (said.text, said.finish) == ("Grüße, 世界", "stop")


async def test_a_deployment_that_is_not_there_is_our_mistake() -> None:
    """The next backend is asked, and the caller is not blamed."""
    async with serving(AzureOpenAI().fault(Fault.NO_MODEL)) as fake, http.session() as session:
        subject = backend(f"adapter: azure_openai, model: m, base_url: '{fake.url}'", session)
        with pytest.raises(Failure, match="The API deployment for this resource does not exist") as failed:
            await opened(subject, call())
    assert failed.value.kind is Kind.MISCONFIGURED


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [({"retry-after-ms": "1500", "retry-after": "2"}, 1.5), ({"retry-after": "7"}, 7.0), ({}, 33.0)],
)
async def test_a_limit_says_when_to_come_back(headers: dict[str, str], seconds: float) -> None:
    """In milliseconds, in seconds, or in words alone."""
    limited = AzureOpenAI().fault(Fault.RATE_LIMITED)
    reply = Reply(status=limited.status, steps=limited.steps, headers=headers)
    async with serving(reply) as fake, http.session() as session:
        subject = backend(f"adapter: azure_openai, model: m, base_url: '{fake.url}'", session)
        with pytest.raises(Failure) as failed:
            await opened(subject, call())
    assert (failed.value.kind, failed.value.retry_after_s) == (Kind.BUSY, seconds)


@pytest.mark.parametrize(
    "host",
    [
        "r.services.ai.azure.com",
        "m.eastus.models.ai.azure.com",
        "m.eastus2.inference.ai.azure.com",
        "models.inference.ai.azure.com",
        "models.github.ai",
    ],
)
async def test_what_microsoft_retired_says_what_to_use(host: str) -> None:
    """At the request, so that the other backends of a route still answer."""
    async with http.session() as session:
        subject = backend(f"adapter: azure_ai_inference, model: m, base_url: 'https://{host}/models'", session)
        with pytest.raises(Failure) as failed:
            await opened(subject, call())
    assert failed.value.kind is Kind.MISCONFIGURED
    assert f"retired the Azure AI Inference API at {host} on 2026-08-26: use adapter: foundry" in str(failed.value)


@pytest.mark.parametrize("host", ["models.internal.example", "services.ai.azure.com.evil.example", "127.0.0.1"])
def test_other_hosts_are_not_microsofts(host: str) -> None:
    """A server of one's own that speaks that wire goes on working."""
    assert not MICROSOFTS.fullmatch(host)


async def test_a_private_server_of_that_wire_is_asked_as_microsofts_client_asks() -> None:
    """Path, version, and the header that lets fields through that the API does not know."""
    async with serving(AIInference().whole(TEXT)) as fake, http.session() as session:
        text = f"adapter: azure_ai_inference, model: m, base_url: '{fake.url}/models', key_env: KEY"
        subject = backend(text, session, {"KEY": KEY})
        await heard(await opened(subject, call(stream=False, max_completion_tokens=5)), stream=False)
    [received] = fake.received
    assert received.path == "/models/chat/completions?api-version=2024-05-01-preview"
    assert (received.headers["extra-parameters"], received.headers["api-key"]) == ("pass-through", KEY)
    assert received.body["max_tokens"] == 5


def test_the_rows_import_none_of_microsofts_packages() -> None:
    """They cost a second of the start."""
    import subprocess

    seen = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys, app.inference.adapters; print('azure.ai.inference' in sys.modules, 'azure.core' in sys.modules)",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    assert seen.stdout.split() == ["False", "False"]


@pytest.mark.parametrize(
    "address", ["https://api.openai.com/v1", "https://r.openai.azure.com/openai/responses", "https://RESOURCE.openai.azure.com"]
)  # fmt: skip
async def test_an_address_that_is_no_resources_is_refused(address: str) -> None:
    """Nothing is put behind what leads nowhere."""
    spec = BackendSpec(adapter="azure_openai", model="d", base_url=address, key_env="K")
    async with http.session() as session:
        with pytest.raises(RoutesError, match="base_url is not that of a resource: write https://RESOURCE"):
            ADAPTERS["azure_openai"].build("a", spec, Surroundings(http=session, engines={}, environment={"K": "k"}))
