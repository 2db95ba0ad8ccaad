"""Settings laid over a routes file: which of its models answers a request that names none, and that model's system prompt."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stacks.config import ConfigError, Settings
from stacks.targets import nearest


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where the routes and the settings stand, for what a person is told."""

    path: Path
    key: str
    stack: str

    def refused(self, name: str, why: str, remedy: str = "") -> ConfigError:
        """The setting `name` cannot be used."""
        flags = f"--path trimaran:{self.key}.{name}"
        what = f"set {flags} {remedy}" if remedy else f"rm {flags}"
        return ConfigError(f"trimaran:{self.key}.{name} {why}", f"./trimaran pulumi config {what} --stack {self.stack}")


def of(document: Mapping[str, Any], settings: Settings, source: Source) -> dict[str, str]:
    """What the settings change about the routes: `model` and `systemPrompt`; empty for nothing. Raises ConfigError."""
    if settings.model_revision:
        raise source.refused(
            "modelRevision", f"is set, but the routes file '{source.path}' pins each model by its backends."
        )
    models, default = document["models"], document.get("default_model") or ""
    if settings.model and settings.model not in models:
        raise source.refused(
            "model",
            f"'{settings.model}' is not a model of the routes file '{source.path}'."
            f" Its models: {', '.join(models)}.{nearest(settings.model, models)}",
            next(iter(models)),
        )
    name = settings.model or default
    if settings.system_prompt is not None and name not in models:
        raise source.refused(
            "systemPrompt", f"has no model to go to: the routes file '{source.path}' has no default_model."
        )
    wanted = {"model": name, "systemPrompt": _prompt(models, name)}
    if settings.system_prompt is not None:
        wanted["systemPrompt"] = settings.system_prompt
    return {} if wanted == {"model": default, "systemPrompt": _prompt(models, default)} else wanted


def laid(document: Mapping[str, Any], changes: Mapping[str, str]) -> dict[str, Any]:
    """The routes with the changes."""
    name = changes["model"]
    model = {**(document["models"][name] or {}), "system_prompt": changes["systemPrompt"]}
    return {**document, "models": {**document["models"], name: model}, "default_model": name}


def _prompt(models: Mapping[str, Any], name: str) -> str:
    return str((models.get(name) or {}).get("system_prompt") or "")
