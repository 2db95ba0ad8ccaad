"""The managed models that a stack calls on Bedrock: what an id leads to, and what the api's role must be allowed for it.

One place for `aws-bedrock`, which calls them through profiles of its own, and for the fallbacks of `aws-ecs`, which have none.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from catalog.inference_profiles import (
    GLOBAL,
    PROFILES,
    callable_as,
    geography_of,
    is_chat_model,
    is_far,
    model_of,
    regions_of,
    unknown_geography,
)
from stacks.aws.account import Account
from stacks.aws.config import ApiConfig
from stacks.aws.documents import Statement, allow
from stacks.aws.tagging import STACK_TAG
from stacks.config import ConfigError

# There is no action for Converse: these two cover it and its stream (docs.aws.amazon.com/bedrock, inference-prereq, 2026-12-01).
INVOKE = ("bedrock:InvokeModel", "bedrock:InvokeModelWithResponseStream")
# The service authorization reference has this key with the prefix `bedrock:`; a page of the user guide prints `aws:` (2026-12-01).
_THROUGH = "bedrock:InferenceProfileArn"
# What a request of a global profile says of its region (docs.aws.amazon.com/bedrock, global-cross-region-inference, 2026-12-01).
_ANYWHERE = "unspecified"
_EXAMPLE = "us.amazon.nova-2-lite-v1:0"


@dataclass(frozen=True, slots=True, kw_only=True)
class ManagedModel:
    """A model by the id that a person wrote. `regions` may answer for it; none are named where it is any commercial one."""

    id: str
    regions: tuple[str, ...]

    @property
    def is_profile(self) -> bool:
        """Whether the id is that of one of Bedrock's own profiles."""
        return bool(geography_of(self.id))

    @property
    def is_global(self) -> bool:
        return geography_of(self.id) == GLOBAL

    @property
    def foundation_model(self) -> str:
        """The id of the model itself."""
        return model_of(self.id)

    def arn(self, account: Account) -> str:
        """The ARN of what the id names: a model, or a profile of Bedrock's own."""
        if self.is_profile:
            return account.arn("bedrock", f"inference-profile/{self.id}")
        return self._model_in(account, account.region)

    def model_arns(self, account: Account) -> list[str]:
        """The model in each region that may answer and has a name; of a global profile, in the one that it is called from."""
        return [self._model_in(account, region) for region in self.regions or (account.region,)]

    def model_anywhere(self, account: Account) -> str:
        """The model in no region, which is what a global profile calls."""
        return self._model_in(account, "")

    def _model_in(self, account: Account, region: str) -> str:
        return f"arn:{account.partition}:bedrock:{region}::foundation-model/{self.foundation_model}"


def models_of(config: ApiConfig, named: Iterable[tuple[str, str]]) -> dict[str, ManagedModel]:
    """Each id that config names with the key that it stands under -> the model.

    Raises ConfigError for an id that nobody can call from here, and for regions that no id reads.
    """
    found: dict[str, ManagedModel] = {}
    for key, id_ in named:
        if id_ not in found:
            found[id_] = _model(config, key, id_)
    _refuse_unread_regions(config, found)
    return found


def fallbacks_of(config: ApiConfig) -> list[tuple[str, str]]:
    """The fallbacks of a config, each with its key."""
    return [(f"fallbacks[{index}].model", each.model) for index, each in enumerate(config.fallbacks)]


def _model(config: ApiConfig, key: str, id_: str) -> ManagedModel:
    _refuse_uncallable(config, key, id_)
    if geography_of(id_) == GLOBAL:
        return ManagedModel(id=id_, regions=())
    regions = regions_of(id_, config.region) or config.regions.get(id_)
    if not regions:
        raise ConfigError(
            f"trimaran:{key} is '{id_}', and catalog/inference_profiles.py does not know where it leads from"
            f" {config.region}: say all its regions, as AWS lists them.",
            f"aws bedrock get-inference-profile --inference-profile-identifier {id_} --region {config.region}, then write"
            f" every region of its models under trimaran:regions in stacks/environments/Pulumi.{config.stack}.yaml",
        )
    return ManagedModel(id=id_, regions=tuple(regions))


def _refuse_uncallable(config: ApiConfig, key: str, id_: str) -> None:
    """What is no id, what stands where a geography would and is none, and a profile that is not there in this region."""
    strange = unknown_geography(id_)
    if strange:
        raise ConfigError(
            f"trimaran:{key} is '{id_}', and '{strange}' is no geography that catalog/inference_profiles.py knows:"
            " nobody here can tell where it is answered.",
            _set(config, key, callable_as(id_.removeprefix(f"{strange}."), config.region)),
        )
    if not is_chat_model(id_):
        raise ConfigError(
            f"trimaran:{key} is '{id_}', which is no id of a model of Bedrock that answers in words, or of a profile: they"
            " read vendor.name, with or without a geography before them.",
            _set(config, key, callable_as(_EXAMPLE, config.region)),
        )
    is_known_elsewhere = id_ in PROFILES and config.region not in PROFILES[id_].sources
    if config.region and (is_far(id_, config.region) or is_known_elsewhere):
        take = callable_as(id_, config.region)
        raise ConfigError(
            f"trimaran:{key} is '{id_}', a profile that cannot be called from {config.region}: take {take}.",
            _set(config, key, take),
        )


def _refuse_unread_regions(config: ApiConfig, models: Mapping[str, ManagedModel]) -> None:
    """Regions are said of profiles that the catalogue does not know; of others they would be read by nobody, or be wrong."""
    for id_ in config.regions:
        known = regions_of(id_, config.region)
        if id_ in models and known is None and not models[id_].is_global:
            continue
        why = (
            f"catalog/inference_profiles.py knows where it leads from {config.region}: {', '.join(known)}"
            if known
            else "no model of this stack reads that"
        )
        raise ConfigError(
            f"trimaran:regions says where '{id_}' leads, and {why}.",
            f"./trimaran pulumi config rm --path 'trimaran:regions[\"{id_}\"]' --stack {config.stack}",
        )


def _set(config: ApiConfig, key: str, value: str) -> str:
    return f"./trimaran pulumi config set --path 'trimaran:{key}' {value} --stack {config.stack}"


def calling_directly(account: Account, models: Iterable[ManagedModel]) -> list[Statement]:
    """To call models by their own ids, and no other: a profile, and behind it its models through it alone."""
    models = list(models)
    plain = [each.arn(account) for each in models if not each.is_profile]
    profiles = [each for each in models if each.is_profile]
    return [
        *([allow(INVOKE, plain)] if plain else []),
        *(
            [allow([*INVOKE, "bedrock:GetInferenceProfile"], [each.arn(account) for each in profiles])]
            if profiles
            else []
        ),
        *_behind(account, profiles, {"ArnEquals": {_THROUGH: [each.arn(account) for each in profiles]}}),
    ]


def calling_through_own_profiles(account: Account, models: Iterable[ManagedModel]) -> list[Statement]:
    """To call models through profiles that carry this stack's tag, and no other.

    A profile's ARN ends in an id that nobody knows before it is made, and a policy with an unknown part could not be judged:
    the tag says whose it is, which an id would not.
    """
    own = account.arn("bedrock", "application-inference-profile/*")
    return [
        allow([*INVOKE, "bedrock:GetInferenceProfile"], [own], _of_this_stack(account)),
        *_behind(account, models, {"ArnLike": {_THROUGH: [own]}}),
    ]


def calling_own_throughput(account: Account) -> list[Statement]:
    """To call a provisioned model of this stack."""
    return [allow(INVOKE, [account.arn("bedrock", "provisioned-model/*")], _of_this_stack(account))]


def applying_guardrail(account: Account, id_: str | None) -> list[Statement]:
    """To have prompts and answers looked at by one guardrail: that of an id, or the one with this stack's tag."""
    if id_ is not None:
        return [allow(["bedrock:ApplyGuardrail"], [account.arn("bedrock", f"guardrail/{id_}")])]
    return [allow(["bedrock:ApplyGuardrail"], [account.arn("bedrock", "guardrail/*")], _of_this_stack(account))]


def _behind(
    account: Account, models: Iterable[ManagedModel], through: Mapping[str, Mapping[str, Any]]
) -> Iterator[Statement]:
    """The models behind profiles: in each region that may answer, and of a global one also in none."""
    models = list(models)
    named = [arn for each in models for arn in each.model_arns(account)]
    anywhere = [each.model_anywhere(account) for each in models if each.is_global]
    if named:
        yield allow(INVOKE, list(dict.fromkeys(named)), through)
    if anywhere:
        yield allow(INVOKE, anywhere, {**through, "StringEquals": {"aws:RequestedRegion": _ANYWHERE}})


def _of_this_stack(account: Account) -> dict[str, dict[str, str]]:
    return {"StringEquals": {f"aws:ResourceTag/{STACK_TAG}": account.stack}}
