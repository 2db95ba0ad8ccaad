"""Amazon Bedrock's Converse: any chat model that it sells, under one request. Signed by who the app is in AWS, or with a Bedrock API key.

docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html and botocore 1.44.5 (data/bedrock-runtime), checked 2026-12-01.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from urllib.parse import quote, urlsplit

import aiohttp
import msgspec
from yarl import URL

from app.inference import bedrock_errors, bedrock_models, http
from app.inference.adapter import Adapter, Surroundings, base_url, credential, model
from app.inference.bedrock_request import admitted, map_request
from app.inference.identity import aws
from app.inference.identity.identity import Bearer, Identity
from app.inference.images import ImageFetcher
from app.logic.answer import Answer, Backend, Call, Endpoint
from app.logic.excerpt import excerpt
from app.logic.routes import BackendSpec, Guardrail, RoutesError
from app.logic.selection import Ability
from app.wire.codecs import SCANNED
from app.wire.events import Wire

SERVICE = "bedrock"  # what signs; the address has `bedrock-runtime`
# By what a region's name begins with, the domain of its partition (botocore 1.44.5, data/partitions.json, checked 2026-12-01).
_DOMAINS = (
    ("cn-", "amazonaws.com.cn"),
    ("us-isob-", "sc2s.sgov.gov"),
    ("us-isof-", "csp.hci.ic.gov"),
    ("us-iso-", "c2s.ic.gov"),
    ("eu-isoe-", "cloud.adc-e.uk"),
    ("eusc-", "amazonaws.eu"),
)
_AWS = (".amazonaws.com", *(f".{domain}" for _, domain in _DOMAINS))
_SERVES = ("bedrock-runtime", "bedrock-runtime-fips")
# By this address genai-prices knows Bedrock; the price of a region is in the model's id.
PRICE_KEY = "https://bedrock-runtime.us-east-1.amazonaws.com"
_SIGNED = {"content-type": "application/json"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Bedrock:
    """``model`` says what the model can do; ``called`` is what it is called by: its id, a profile's, or an ARN."""

    name: str
    base_url: str
    model: str
    called: str
    http: aiohttp.ClientSession
    identity: Identity
    guardrail: Guardrail | None = None
    images: ImageFetcher = field(default_factory=ImageFetcher)
    endpoints: frozenset[Endpoint] = frozenset({Endpoint.CHAT})

    async def open(self, call: Call, deadline: float) -> Answer:
        with call.share.beside() as held:  # until the backend has the request
            body, hints = admitted(call, model=self.model, backend=self.name)
            body["messages"] = await self.images.inline(body["messages"], deadline, held)
            mapped, ignored = map_request(body, model=self.model, backend=self.name, guardrail=self.guardrail)
            return await self._send(call, msgspec.json.encode(mapped), hints | ignored)

    async def _send(self, call: Call, body: bytes, ignored: frozenset[str]) -> Answer:
        operation = "converse-stream" if call.stream else "converse"
        url = f"{self.base_url}/model/{quote(self.called, safe='')}/{operation}"
        return await http.open_as(
            self.identity,
            self.http,
            URL(url, encoded=True),
            body,
            _SIGNED,
            call=call,
            codec=SCANNED[Wire.BEDROCK],
            name=self.name,
            map_error=functools.partial(bedrock_errors.map_error, self.name),
            ignored=ignored,
        )

    async def ready(self) -> bool:
        return True  # a remote provider's outage must not take the app out

    async def aclose(self) -> None:
        """Nothing of its own to close: the session and the identity are shared."""


def _build(name: str, spec: BackendSpec, around: Surroundings) -> Backend:
    needs_none = spec.key_env and spec.base_url and not spec.region
    region = "" if needs_none else aws.region_of(name, spec.region, around)
    backend = functools.partial(
        Bedrock,
        name=name,
        base_url=_base_url(name, spec, region),
        model=_model(name, spec, region),
        called=spec.profile or spec.model,
        http=around.http,
        guardrail=spec.guardrail,
        images=around.images,
    )
    if spec.key_env:
        key = credential(name, spec, around.environment)
        return backend(identity=Bearer(lambda: key))
    return backend(identity=aws.signed(name, service=SERVICE, region=region, around=around))


def _base_url(name: str, spec: BackendSpec, region: str) -> str:
    """One of AWS's hosts answers for its own service and in its own region. Others, a load balancer's too, are nobody's to judge."""
    given = base_url(name, spec, default=_address(region))
    host = (urlsplit(given).hostname or "").rstrip(".")
    labels = host.split(".")
    service = next((at for at, label in enumerate(labels) if label.startswith(SERVICE)), None)
    if service is None or not host.endswith(_AWS):
        return given
    if labels[service] not in _SERVES:
        raise RoutesError(
            f"backend '{name}': '{labels[service]}' does not serve models: write {_address(region or 'REGION')}"
        )
    if region and labels[service + 1] != region:
        raise RoutesError(f"backend '{name}': base_url is not in region {region}: leave it out, or change region")
    return given


def _model(name: str, spec: BackendSpec, region: str) -> str:
    """Raises RoutesError for what cannot be called in ``region``."""
    for key, id in (("model", model(name, spec)), ("profile", spec.profile)):
        if why := id and bedrock_models.unfit(id, region):
            raise RoutesError(f"backend '{name}': {key} '{excerpt(id)}' {why}")
    return spec.model


def _address(region: str) -> str:
    domain = next((domain for beginning, domain in _DOMAINS if region.startswith(beginning)), "amazonaws.com")
    return f"https://bedrock-runtime.{region}.{domain}" if region else ""


def _sold_as(spec: BackendSpec) -> str:
    """Nobody sells the tokens of units that were bought: they are paid for by the hour."""
    return "" if ":provisioned-model/" in (spec.profile or spec.model) else spec.model


ADAPTER = Adapter(
    build=_build,
    provider="aws.bedrock",
    ability=lambda spec: Ability(continuation=bedrock_models.continuation(spec.model)),
    price_key=PRICE_KEY,
    sold_as=_sold_as,
    reads=frozenset({"base_url", "key_env", "region", "profile", "guardrail"}),
)
