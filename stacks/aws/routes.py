"""The routes that the app runs with on AWS, in its two roles."""

from __future__ import annotations

from typing import Any

import yaml

from stacks.aws.config import EcsConfig
from stacks.aws.versions import EngineVersion
from stacks.config import EngineKind

MODEL = "chat"
APP_PORT = 8000
# From an empty Auto Scaling group to a loaded model: instance, image, weights.
_WAKE_S = 900
# A loading engine says so at once: the api waits for it, or falls back.
_LOADING_S = 1
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


def host(engine: str, domain: str) -> str:
    """The name by which tasks of an engine are found inside the network."""
    return f"engine-{engine}.{domain}"


def _document(backends: dict[str, Any], chat: dict[str, Any]) -> str:
    document = {"version": 1, "backends": backends, "models": {MODEL: chat}, "default_model": MODEL}
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True)
