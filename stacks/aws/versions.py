"""Which versions of the app a stack has: the stable one, and the candidate beside it while a promotion runs."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Generic, TypeVar

from catalog.models import DEFAULT_SERVED, SERVED, ServedModel
from stacks.aws.config import ApiConfig, EcsConfig
from stacks.config import ConfigError, EngineKind, ModelSettings
from stacks.revision import revision
from stacks.targets import nearest

_COMMIT = re.compile(r"[0-9a-f]{40}")
_ENGINE_DIGITS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """The app's image and what it is told to serve. Versions with the same `engine` share one engine; "" is none."""

    image: str
    model: str
    system_prompt: str
    revision: str
    engine: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineVersion(Version):
    """One with a model that its own engine loads."""

    engine_image: str
    model_revision: str
    context_tokens: int

    @property
    def served(self) -> ServedModel:
        return SERVED[self.model]


V = TypeVar("V", bound=Version)


@dataclass(frozen=True, slots=True, kw_only=True)
class Versions(Generic[V]):
    """`candidate` is green; None where nothing is being promoted."""

    stable: V
    candidate: V | None

    @property
    def newest(self) -> V:
        return self.candidate or self.stable

    @property
    def each(self) -> tuple[V, ...]:
        """Both, or the one that there is."""
        return (self.stable,) if self.candidate is None else (self.stable, self.candidate)

    @property
    def engines(self) -> dict[str, V]:
        """Engine -> a version that uses it, the stable one first."""
        found: dict[str, V] = {}
        for version in self.each:
            if version.engine:
                found.setdefault(version.engine, version)
        return found


def versions_of(config: EcsConfig) -> Versions[EngineVersion]:
    """The versions that config names. Raises ConfigError for a model that is not known."""
    return both(config, partial(_version, config))


def both(config: ApiConfig, decided: Callable[[str, ModelSettings, str], V]) -> Versions[V]:
    """Blue and green as `decided` makes them of an image, settings and the key that these stand under. Raises ConfigError."""
    assert config.image is not None, "refuse_missing comes first"
    blue = config.settings or ModelSettings()
    stable = decided(config.image, blue, "settings")
    if config.candidate is None:
        return Versions(stable=stable, candidate=None)
    green = config.candidate.settings or ModelSettings()
    candidate = decided(config.candidate.image or config.image, blue.overlaid(green), "candidate.settings")
    return Versions(stable=stable, candidate=None if candidate == stable else candidate)


def _version(config: EcsConfig, image: str, settings: ModelSettings, key: str) -> EngineVersion:
    model = settings.model or DEFAULT_SERVED
    served = SERVED.get(model)
    if served is None:
        raise ConfigError(
            f"trimaran:{key}.model '{model}' is not in catalog/models.py. Known models: {', '.join(SERVED)}."
            f"{nearest(model, SERVED)}",
            f"./trimaran pulumi config set --path trimaran:{key}.model {DEFAULT_SERVED} --stack {config.stack}",
        )
    commit = settings.model_revision or served.revision
    if not _COMMIT.fullmatch(commit):
        raise ConfigError(
            f"trimaran:{key}.modelRevision is '{commit}'; it must be a commit of {model}: 40 hex digits.",
            f"./trimaran pulumi config set --path trimaran:{key}.modelRevision {served.revision} --stack {config.stack}",
        )
    system_prompt = settings.system_prompt or ""
    context = config.engine.context_tokens or min(served.context_tokens, 16_384)
    if context > served.context_tokens:
        raise ConfigError(
            f"trimaran:engine.contextTokens is {context}; {model} takes at most {served.context_tokens}.",
            f"./trimaran pulumi config set --path trimaran:engine.contextTokens {served.context_tokens}"
            f" --stack {config.stack}",
        )
    engine_image = config.engine.image or ""
    weights = {"model": model, "modelRevision": commit}
    # The default is not named: an engine that is deployed keeps its name.
    kind = {} if config.engine.kind is EngineKind.VLLM else {"kind": str(config.engine.kind)}
    engine = {**weights, "contextTokens": str(context), "gpus": str(config.gpu.count), **kind}
    return EngineVersion(
        image=image,
        engine_image=engine_image,
        model=model,
        model_revision=commit,
        system_prompt=system_prompt,
        context_tokens=context,
        revision=revision(image, {**weights, "systemPrompt": system_prompt, "engineImage": engine_image, **kind}),
        engine=revision(engine_image, engine)[:_ENGINE_DIGITS] if engine_image else "",
    )
