"""Settings laid over a routes file: which of its models answers a request that names none, and that model's system prompt."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from stacks.config import ConfigError, ModelSettings
from stacks.local.routes_file import RoutesFile
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlay:
    """The model that answers by default, and its system prompt."""

    model: str
    system_prompt: str


def overlay_of(file: RoutesFile, settings: ModelSettings, source: Source) -> Overlay | None:
    """What the settings change about the routes; None for nothing. Raises ConfigError."""
    if settings.model_revision:
        raise source.refused(
            "modelRevision", f"is set, but the routes file '{source.path}' pins each model by its backends."
        )
    models = list(file.prompts)
    if settings.model and settings.model not in models:
        raise source.refused(
            "model",
            f"'{settings.model}' is not a model of the routes file '{source.path}'."
            f" Its models: {', '.join(models)}.{nearest(settings.model, models)}",
            models[0] if models else "",
        )
    model = settings.model or file.default_model
    if settings.system_prompt is not None and model not in models:
        raise source.refused(
            "systemPrompt", f"has no model to go to: the routes file '{source.path}' has no default_model."
        )
    written = file.prompts.get(model, "")
    prompt = written if settings.system_prompt is None else settings.system_prompt
    if (model, prompt) == (file.default_model, written):
        return None
    return Overlay(model=model, system_prompt=prompt)
