"""The routes that the app runs with on AWS: as api or engine of `aws-ecs`, and as api in front of managed models."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import pulumi
import yaml

from catalog.managed_models import CACHE_READ, CACHE_WRITE, IN, OUT, token_rate
from stacks.aws.config import EcsConfig
from stacks.aws.managed_models import ManagedModel
from stacks.aws.versions import EngineVersion, Version
from stacks.config import EngineKind

MODEL = "chat"
APP_PORT = 8000
# From an empty Auto Scaling group to a loaded model: instance, image, weights.
_WAKE_S = 900
# A loading engine says so at once: the api waits for it, or falls back.
_LOADING_S = 1
# Beside the backends' names, which are none of these.
_GUARDRAIL, _GUARDRAIL_VERSION = "guardrail", "guardrail version"
# Not printable in YAML 1.1, or a break of lines to it (yaml.org/spec/1.1, c-printable and b-char, 2026-12-01).
_UNPRINTED = re.compile("[\\x7f-\\x9f\\u2028\\u2029\\ufeff\\ufffe\\uffff]")
# A key of a route's price -> what is sold.
_PRICES = {
    "input_usd_per_mtok": IN,
    "output_usd_per_mtok": OUT,
    "cache_read_usd_per_mtok": CACHE_READ,
    "cache_write_usd_per_mtok": CACHE_WRITE,
}
# How the api calls the app on GPU, which passes on what its server knows beyond OpenAI's fields.
_CALLED_AS = {EngineKind.VLLM: "vllm", EngineKind.LITSERVE: "openai_compatible"}


def of_api(version: EngineVersion, config: EcsConfig, domain: str, region: str) -> str:
    """The api asks its engine first and managed models after it, in the order of config."""
    backends: dict[str, Any] = {}
    if version.engine:
        backends["engine"] = {
            "adapter": _CALLED_AS[config.engine.kind],
            "base_url": f"http://{host(version.engine, domain)}:{APP_PORT}/v1",
            "model": MODEL,
            "scale_to_zero": config.scaling.min == 0 or config.schedule is not None,
            "capabilities": {"context": version.context_tokens},
        }
    for index, fallback in enumerate(config.fallbacks, start=1):
        backends[f"{fallback.provider}-{index}"] = {
            "adapter": str(fallback.provider),
            "model": fallback.model,
            "region": region,
        }
    chat: dict[str, Any] = {"backends": [{"use": name} for name in backends], "limits": {"wake_s": _WAKE_S}}
    if version.system_prompt:
        chat["system_prompt"] = version.system_prompt
    return _document(backends, chat)


def of_engine(version: EngineVersion, config: EcsConfig) -> str:
    """The engine asks the model server that it runs itself, and nobody else: without an address it is the app's own."""
    server = {
        "adapter": str(config.engine.kind),
        "model": version.model,
        "revision": version.model_revision,
        "max_running": config.scaling.concurrency,
        "capabilities": {"context": version.context_tokens},
    }
    return _document({"model": server}, {"backends": [{"use": "model"}], "limits": {"wake_s": _LOADING_S}})


@dataclass(frozen=True, slots=True, kw_only=True)
class Managed:
    """A backend of Bedrock's: the model that a person named, and what it is called by, which nobody knows before it is made."""

    name: str
    model: ManagedModel
    called_by: pulumi.Input[str]
    has_token_price: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardrailRef:
    """The guardrail before every backend. `meaning` says in plain text what it does: another text is another guardrail."""

    id: pulumi.Input[str]
    version: pulumi.Input[str]
    meaning: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LateRoutes:
    """Routes that name what is not known before it is made. `plain` says all but that, and changes whenever they do."""

    plain: str
    text: pulumi.Output[str]


def of_managed(
    version: Version, backends: Sequence[Managed], guardrail: GuardrailRef | None, region: str
) -> LateRoutes:
    """The api asks its model first and the fallbacks after it, in the order of config, each behind the guardrail."""
    late: dict[str, pulumi.Input[str]] = {each.name: each.called_by for each in backends}
    named = {each.name: each.model.id for each in backends}
    if guardrail is not None:
        late |= {_GUARDRAIL: guardrail.id, _GUARDRAIL_VERSION: guardrail.version}
        named |= {_GUARDRAIL: guardrail.meaning, _GUARDRAIL_VERSION: "1"}
    written = partial(_managed, version, backends, region)
    return LateRoutes(plain=written(named), text=pulumi.Output.all(**late).apply(written))


def _managed(version: Version, backends: Sequence[Managed], region: str, late: Mapping[str, Any]) -> str:
    """The document with what is late in its place."""
    spec: dict[str, Any] = {"region": region}
    if _GUARDRAIL in late:
        spec["guardrail"] = {"id": str(late[_GUARDRAIL]), "version": str(late[_GUARDRAIL_VERSION])}
    found = {
        each.name: {
            "adapter": "bedrock",
            "model": each.model.id,
            "profile": str(late[each.name]),
            **spec,
            **_price(each, region),
        }
        for each in backends
    }
    chat: dict[str, Any] = {"backends": [{"use": each.name} for each in backends]}
    if version.system_prompt:
        chat["system_prompt"] = version.system_prompt
    return _as_json({"version": 1, "backends": found, "models": {MODEL: chat}, "default_model": MODEL})


def _price(backend: Managed, region: str) -> dict[str, Any]:
    """The price in the stack's region, by the same dated rates as the cost of the plan."""
    rates = {
        field: token_rate(backend.model.id, item, region) for field, item in _PRICES.items() if backend.has_token_price
    }
    if not all(rates.get(each) for each in ("input_usd_per_mtok", "output_usd_per_mtok")):
        return {}
    return {"price": {field: f"{rate.usd:f}" for field, rate in rates.items() if rate}}


def _as_json(document: dict[str, Any]) -> str:
    """YAML that Parameter Store takes: in its values two braces begin a reference, which here only a text could have.

    What JSON may hold as it is and YAML must not, or reads as the end of a line, is written by its number.
    """
    text = json.dumps(document, indent=1, ensure_ascii=False).replace("{{", "{\\u007b")
    return _UNPRINTED.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def host(engine: str, domain: str) -> str:
    """The name by which tasks of an engine are found inside the network."""
    return f"engine-{engine}.{domain}"


def _document(backends: dict[str, Any], chat: dict[str, Any]) -> str:
    document = {"version": 1, "backends": backends, "models": {MODEL: chat}, "default_model": MODEL}
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True)
