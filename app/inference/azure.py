"""Microsoft's ways to a model, each OpenAI's API under another address: Azure OpenAI, Foundry, and what is left of Azure AI Inference."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from app.inference import openai_adapter
from app.inference.adapter import Adapter, Surroundings, base_url, model
from app.inference.openai_adapter import Address
from app.inference.variants import Images, Variant
from app.logic.answer import Answer, Backend, Call, Endpoint, Failure, Kind
from app.logic.routes import BackendSpec, RoutesError

# The v1 API: no `api-version`, the deployment's name as `model`, `api-key` or a token of this scope
# (Azure/azure-rest-api-specs, specification/ai/data-plane/OpenAI.v1/azure-v1-v1-generated.yaml, `security`, read 2026-12-01; that Foundry's
# other models take it, too: microsoft/PyRIT#1453).
V1 = "/openai/v1"
SCOPE = "https://cognitiveservices.azure.com/.default"
_OLD = re.compile(r"/openai(?:/deployments(?:/.*)?)?|.*/models|.*/chat/completions")

AZURE_OPENAI = Variant(
    provider="azure.ai.openai",
    key_env="AZURE_OPENAI_API_KEY",
    key_header="api-key",
    takes_identity=True,
    scope=SCOPE,
    price_key="https://resource.openai.azure.com",
    # As OpenAI's own row: the v1 API takes OpenAI's request (learn.microsoft.com/azure/foundry/reference/rest/chat-create-chat-completion,
    # read 2026-12-01). Which model takes which of them is not said there.
    extra=frozenset({"functions", "function_call", "prediction", "prompt_cache_key", "safety_identifier", "verbosity"}),
    max_tokens="max_completion_tokens",
    knows_developer=True,
    images=Images.VENDOR,
)
# Models of many makers behind one address: what the caller calls the limit of tokens goes on.
FOUNDRY = Variant(
    provider="azure.ai.inference",
    key_env="AZURE_OPENAI_API_KEY",
    key_header="api-key",
    takes_identity=True,
    scope=SCOPE,
    price_key="https://resource.services.ai.azure.com",
    endpoints=frozenset({Endpoint.CHAT, Endpoint.EMBEDDINGS}),
    images=Images.VENDOR,
)
# azure-ai-inference 1.0.0b9 (_operations.py and _patch.py, read 2026-12-01): the version in the query, what the API does not know passed on.
# The package stays out of the app: its models would be built and taken apart again for every event, and the wire is OpenAI's.
AI_INFERENCE = Variant(
    provider="azure.ai.inference",
    key_header="api-key",
    takes_identity=True,
    query="?api-version=2024-05-01-preview",
    headers={"extra-parameters": "pass-through"},
    endpoints=frozenset({Endpoint.CHAT, Endpoint.EMBEDDINGS}),
    max_tokens="max_tokens",
    usage_option=False,
)

# Where Microsoft answered that wire until 2026-08-26 (Azure/azure-rest-api-specs#43907, read 2026-12-01).
MICROSOFTS = re.compile(
    r"(?:.+\.)?(?:services\.ai\.azure\.com|models\.ai\.azure\.com|inference\.ai\.azure\.com|models\.github\.ai)"
)


@dataclass(frozen=True, slots=True)
class Retired:
    """A backend whose API is no more. It is no mistake of the file's form, so that the others of a route go on answering."""

    name: str
    model: str
    host: str
    endpoints: frozenset[Endpoint] = AI_INFERENCE.endpoints

    async def open(self, call: Call, deadline: float) -> Answer:
        reason = (
            f"backend '{self.name}': Microsoft retired the Azure AI Inference API at {self.host} on 2026-08-26: "
            "use adapter: foundry with base_url https://RESOURCE.services.ai.azure.com"
        )
        raise Failure(Kind.MISCONFIGURED, reason, reason=reason)

    async def ready(self) -> bool:
        return True

    async def aclose(self) -> None:
        """Nothing is held."""


def _v1(example: str) -> Address:
    """The address of the v1 API, from that of the resource or from its own."""

    def address(name: str, spec: BackendSpec) -> str:
        given = base_url(name, spec, example=example)
        if given.endswith(V1):
            return given
        parts = urlsplit(given)
        if parts.path.endswith(("/v1", "/openai/responses")) or "RESOURCE" in parts.netloc:
            raise RoutesError(f"backend '{name}': base_url is not that of a resource: write {example}, with its name")
        if _OLD.fullmatch(parts.path):
            raise RoutesError(f"backend '{name}': base_url is of an older API: write {example} or {example}{V1}")
        return given + V1

    return address


def _ai_inference() -> Adapter:
    row = openai_adapter.adapter("azure_ai_inference", AI_INFERENCE)

    def build(name: str, spec: BackendSpec, around: Surroundings) -> Backend:
        host = urlsplit(base_url(name, spec, example="https://models.internal.example/models")).hostname or ""
        if MICROSOFTS.fullmatch(host):
            return Retired(name, model(name, spec), host)
        return row.build(name, spec, around)

    return Adapter(build=build, provider=row.provider, ability=row.ability, reads=row.reads)


ADAPTERS: Mapping[str, Adapter] = {
    "azure_openai": openai_adapter.adapter(
        "azure_openai", AZURE_OPENAI, address=_v1("https://RESOURCE.openai.azure.com")
    ),
    "foundry": openai_adapter.adapter("foundry", FOUNDRY, address=_v1("https://RESOURCE.services.ai.azure.com")),
    "azure_ai_inference": _ai_inference(),
}
