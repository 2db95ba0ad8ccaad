"""Which versions of the app a stack has: the stable one, and the candidate beside it while a promotion runs."""

from __future__ import annotations

import re
from dataclasses import dataclass

from catalog.models import DEFAULT_SERVED, SERVED, ServedModel
from stacks.aws.config import EcsConfig
from stacks.config import ConfigError, EngineKind, ModelSettings
from stacks.revision import revision
from stacks.targets import nearest

_COMMIT = re.compile(r"[0-9a-f]{40}")
_ENGINE_DIGITS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """The app's image and what it is told to serve. Versions with the same `engine` share one engine; "" is none."""

    image: str
    engine_image: str
    model: str
    model_revision: str
    system_prompt: str
    context_tokens: int
    revision: str
    engine: str

    @property
    def served(self) -> ServedModel:
        return SERVED[self.model]


@dataclass(frozen=True, slots=True, kw_only=True)
class Versions:
    """`candidate` is green; None where nothing is being promoted."""

    stable: Version
    candidate: Version | None

    @property
    def newest(self) -> Version:
        return self.candidate or self.stable

    @property
    def engines(self) -> dict[str, Version]:
        """Engine -> a version that uses it, the stable one first."""
        found: dict[str, Version] = {}
        for version in (self.stable, self.newest):
            if version.engine:
                found.setdefault(version.engine, version)
        return found


def versions_of(config: EcsConfig) -> Versions:
    """The versions that config names. Raises ConfigError for a model that is not known."""
    assert config.image is not None, "refuse_missing comes first"
    blue = config.settings or ModelSettings()
    stable = _version(config, config.image, blue, "settings")
    if config.candidate is None:
        return Versions(stable=stable, candidate=None)
    green = config.candidate.settings or ModelSettings()
    image = config.candidate.image or config.image
    candidate = _version(config, image, blue.overlaid(green), "candidate.settings")
    return Versions(stable=stable, candidate=None if candidate == stable else candidate)


def _version(config: EcsConfig, image: str, settings: ModelSettings, key: str) -> Version:
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
    return Version(
        image=image,
        engine_image=engine_image,
        model=model,
        model_revision=commit,
        system_prompt=system_prompt,
        context_tokens=context,
        revision=revision(image, {**weights, "systemPrompt": system_prompt, "engineImage": engine_image, **kind}),
        engine=revision(engine_image, engine)[:_ENGINE_DIGITS] if engine_image else "",
    )
