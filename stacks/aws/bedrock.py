"""The target `aws-bedrock`: the api on Fargate in front of managed models of Bedrock, and no GPU."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from stacks.aws import routes
from stacks.aws.account import Account, account_of
from stacks.aws.api_stack import ApiStack
from stacks.aws.bedrock_refusals import (
    refuse_elsewhere,
    refuse_misfit,
    refuse_no_decision,
    refuse_repeated,
    refuse_unbuilt_front,
    refuse_unbuyable,
)
from stacks.aws.components import guardrail as guardrails
from stacks.aws.components.cluster import Cluster
from stacks.aws.components.guardrail import Guardrail, GuardrailArgs
from stacks.aws.components.own_profiles import OwnProfiles, OwnProfilesArgs, Role
from stacks.aws.components.roles import Roles, RolesArgs
from stacks.aws.components.routes_parameter import RoutesParameter, RoutesParameterArgs
from stacks.aws.components.security_groups import SecurityGroups
from stacks.aws.config import BedrockConfig, GuardrailSection, Preset
from stacks.aws.documents import Statement
from stacks.aws.foundation_parts import Foundation, foundation_of
from stacks.aws.managed_models import (
    ManagedModel,
    applying_guardrail,
    calling_own_throughput,
    calling_through_own_profiles,
    fallbacks_of,
    models_of,
)
from stacks.aws.refusals import refuse_missing, refuse_placeholders, refuse_unknown_retention, refuse_unsafe_ingress
from stacks.aws.routes import GuardrailRef, Managed
from stacks.aws.tagging import tag_everything, tags_of
from stacks.aws.versions import Version, Versions, both
from stacks.config import ModelSettings
from stacks.outputs import Outputs
from stacks.revision import revision


def deploy(config: BedrockConfig, root: Path) -> Outputs:
    """Declare the api, what it calls and what looks at it. Raises ConfigError."""
    refuse_unbuilt_front(config)
    for refuse in (refuse_missing, refuse_placeholders, refuse_unsafe_ingress, refuse_unknown_retention):
        refuse(config)
    guardrail = refuse_no_decision(config)
    versions = versions_of(config, guardrail)
    account = account_of(config)
    refuse_repeated(config, [each.model for each in versions.each])
    models = models_of(config, [*_answering(versions), *fallbacks_of(config)])
    refuse_elsewhere(config, models.values())
    refuse_unbuyable(config, [models[each.model] for each in versions.each])
    tag_everything(tags_of(config))
    stack = _BedrockStack(config, account, foundation_of(config), versions, models, guardrail)
    routes_in = stack.routes_in()
    waits_for = [*stack.roles.ready, *stack.alarms.made, *stack.parameters(), *routes_in.values()]
    stack.api(waits_for, routes_in={revision: each.name for revision, each in routes_in.items()})
    return stack.outputs()


def versions_of(config: BedrockConfig, guardrail: GuardrailSection) -> Versions[Version]:
    """The versions that config names: a model's id says which one it is, so that nothing else is pinned. Raises ConfigError."""
    return both(config, partial(_version, config, guardrail))


def _version(
    config: BedrockConfig, guardrail: GuardrailSection, image: str, settings: ModelSettings, key: str
) -> Version:
    model = refuse_misfit(config, settings, key)
    system_prompt = settings.system_prompt or ""
    decided = {"model": model, "systemPrompt": system_prompt, "guardrail": _meaning(guardrail)}
    return Version(image=image, model=model, system_prompt=system_prompt, revision=revision(image, decided))


def _answering(versions: Versions[Version]) -> list[tuple[str, str]]:
    """The models that answer first, each with its key."""
    keys = ("settings.model", "candidate.settings.model")
    return [(key, each.model) for key, each in zip(keys, versions.each, strict=False)]


def _meaning(guardrail: GuardrailSection) -> str:
    """What a guardrail does, in plain text that changes with it."""
    match guardrail.preset:
        case Preset.NONE:
            return "none"
        case Preset.STANDARD:
            return guardrails.meaning()
    return f"{guardrail.id} {guardrail.version}"


class _BedrockStack(ApiStack):
    """The parts that both versions share, made once."""

    def __init__(
        self,
        config: BedrockConfig,
        account: Account,
        foundation: Foundation,
        versions: Versions[Version],
        models: dict[str, ManagedModel],
        guardrail: GuardrailSection,
    ) -> None:
        super().__init__(config, account, foundation, versions)
        self._bedrock, self._models = config, models
        self._answer = [each.model for each in versions.each]
        self.cluster = Cluster("cluster", self.cluster_args())
        self.security_groups = SecurityGroups("doors", self.security_groups_args())
        self.profiles = OwnProfiles(
            "models",
            OwnProfilesArgs(
                account=account,
                models={id_: (model, self._role_of(id_)) for id_, model in models.items()},
                throughput=config.throughput,
            ),
        )
        self._made = list(self.profiles.made)
        self.guardrail = self._guardrail(guardrail)
        self.roles = Roles(
            "roles",
            RolesArgs(
                account=account,
                images=[*(each.image for each in versions.each), config.collector or ""],
                services=("api",),
                calling=self._calling(guardrail),
                key=foundation.key,
            ),
        )

    def _role_of(self, id_: str) -> Role:
        return Role.ANSWERS if id_ in self._answer else Role.FALLBACK

    def _is_bought(self, id_: str) -> bool:
        return self._bedrock.throughput is not None and self._role_of(id_) is Role.ANSWERS

    def _guardrail(self, section: GuardrailSection) -> GuardrailRef | None:
        if section.preset is Preset.NONE:
            return None
        if section.preset is None:
            return GuardrailRef(id=section.id or "", version=section.version or "", meaning=_meaning(section))
        made = Guardrail("guardrail", GuardrailArgs(account=self._account))
        self._made += made.made
        return GuardrailRef(id=made.id, version=made.version, meaning=_meaning(section))

    def _calling(self, guardrail: GuardrailSection) -> list[Statement]:
        """What the api may call, and nothing else of Bedrock."""
        by_profile = [model for id_, model in self._models.items() if not self._is_bought(id_)]
        return [
            *(calling_through_own_profiles(self._account, by_profile) if by_profile else []),
            *(calling_own_throughput(self._account) if self._bedrock.throughput else []),
            *(applying_guardrail(self._account, guardrail.id) if guardrail.preset is not Preset.NONE else []),
        ]

    def routes_in(self) -> dict[str, RoutesParameter]:
        """Revision -> the parameter with its routes."""
        return {each.revision: self._routes(each) for each in self._versions.each}

    def _routes(self, version: Version) -> RoutesParameter:
        backends = [
            Managed(
                name="model" if index == 0 else f"bedrock-{index}",
                model=self._models[id_],
                called_by=self.profiles.called_by[id_],
                has_token_price=not self._is_bought(id_),
            )
            for index, id_ in enumerate([version.model, *(each.model for each in self._bedrock.fallbacks)])
        ]
        late = routes.of_managed(version, backends, self.guardrail, self._account.region)
        return RoutesParameter(
            f"routes-{version.revision}",
            RoutesParameterArgs(
                account=self._account,
                key=self._foundation.key,
                revision=version.revision,
                routes=late,
                waits_for=self._made,
            ),
        )
