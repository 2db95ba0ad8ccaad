"""What a config of `aws-bedrock` may say that Bedrock, or this kit, cannot do or must not do unasked; each with what to do instead."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from catalog.inference_profiles import is_chat_model, unknown_geography
from stacks.aws.config import BedrockConfig, Front, GuardrailSection, Residency
from stacks.aws.managed_models import ManagedModel
from stacks.config import ConfigError, ModelSettings

_EXAMPLE = "us.amazon.nova-2-lite-v1:0"


def refuse_unbuilt_front(config: BedrockConfig) -> None:
    """The api runs on ECS; that it is to run on Lambda too is decided, and a later step."""
    if config.front is not Front.ECS:
        raise ConfigError(
            f"trimaran:front is '{config.front}', which is not built yet: the api runs on ecs only.",
            f"./trimaran pulumi config set trimaran:front ecs --stack {config.stack}",
        )


def refuse_no_decision(config: BedrockConfig) -> GuardrailSection:
    """Whether anything looks at prompts and answers is said by config, also where nothing does."""
    if config.guardrail is None:
        raise ConfigError(
            "trimaran:guardrail is not set: whether anything looks at prompts and answers must be said, also that nothing does.",
            f"./trimaran pulumi config set --path trimaran:guardrail.preset standard --stack {config.stack}",
        )
    return config.guardrail


def refuse_misfit(config: BedrockConfig, settings: ModelSettings, key: str) -> str:
    """The id of the model that settings name: theirs alone says which version it is."""
    if not settings.model or not (is_chat_model(settings.model) or unknown_geography(settings.model)):
        seen = f"is '{settings.model}', which is no id of a model or profile" if settings.model else "is not set"
        raise ConfigError(
            f"trimaran:{key}.model {seen}: nothing says which model of Bedrock answers.",
            f"./trimaran pulumi config set --path trimaran:{key}.model {_EXAMPLE} --stack {config.stack}",
        )
    if settings.model_revision:
        raise ConfigError(
            f"trimaran:{key}.modelRevision is '{settings.model_revision}'; a model of Bedrock is pinned by its id alone.",
            f"./trimaran pulumi config rm --path trimaran:{key}.modelRevision --stack {config.stack}",
        )
    return settings.model


def refuse_repeated(config: BedrockConfig, answering: Sequence[str]) -> None:
    """A fallback that is asked once more what it has just failed to answer is none."""
    asked = list(answering)
    for index, each in enumerate(config.fallbacks):
        if each.model in asked:
            raise ConfigError(
                f"trimaran:fallbacks[{index}].model is '{each.model}', which is asked before it already.",
                f"./trimaran pulumi config rm --path 'trimaran:fallbacks[{index}]' --stack {config.stack}",
            )
        asked.append(each.model)


def refuse_elsewhere(config: BedrockConfig, models: Iterable[ManagedModel]) -> None:
    """A profile answers in each of its regions, and a global one anywhere: what the limits do not allow, nobody calls."""
    allowed = config.limits.regions
    for each in models:
        if each.is_global and config.limits.residency is not Residency.ANYWHERE:
            raise ConfigError(
                f"the profile '{each.id}' may answer in any commercial region, and trimaran:limits.residency does not say so.",
                f"./trimaran pulumi config set --path trimaran:limits.residency anywhere --stack {config.stack}",
            )
        outside = [] if allowed is None else [region for region in each.regions if region not in allowed]
        if outside:
            raise ConfigError(
                f"the model '{each.id}' may answer in {', '.join(outside)}; trimaran:limits.regions allows"
                f" {', '.join(allowed or ()) or 'none'}.",
                f"./trimaran pulumi config set --path 'trimaran:limits.regions[{len(allowed or ())}]' {outside[0]}"
                f" --stack {config.stack}",
            )


def refuse_unbuyable(config: BedrockConfig, models: Iterable[ManagedModel]) -> None:
    """Model units are those of a model in one region."""
    for each in models:
        if config.throughput is not None and each.is_profile:
            raise ConfigError(
                f"trimaran:throughput buys units of a model in one region, and '{each.id}' is a profile over several.",
                f"./trimaran pulumi config set --path trimaran:settings.model {each.foundation_model} --stack {config.stack}",
            )
