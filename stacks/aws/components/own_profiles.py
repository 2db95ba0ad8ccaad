"""Profiles of one's own over Bedrock's models: what is called through them carries this stack's tags on the bill."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import pulumi
import pulumi_aws as aws

from stacks.aws.account import Account
from stacks.aws.config import Commitment, Throughput
from stacks.aws.managed_models import ManagedModel
from stacks.naming import name

# By it the bill, and the cost of a plan, tell what answers first from what answers when that cannot.
ROLE_TAG = "trimaran-role"


class Role(StrEnum):
    """What a model is to the stack."""

    ANSWERS = "answers"
    FALLBACK = "fallback"


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnProfilesArgs:
    """`models`: each with what it is to the stack. With `throughput` those that answer have model units in place of a profile."""

    account: Account
    models: Mapping[str, tuple[ManagedModel, Role]]
    throughput: Throughput | None


class OwnProfiles(pulumi.ComponentResource):
    """A profile, or model units, for each model. `called_by`: a model's id -> the ARN that it is called by."""

    def __init__(self, resource_name: str, args: OwnProfilesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("trimaran:aws:OwnProfiles", resource_name, {}, opts)
        self._account = args.account
        self._child = pulumi.ResourceOptions(parent=self)
        self.made: list[pulumi.Resource] = []
        self.called_by: dict[str, pulumi.Output[str]] = {}
        for id_, (model, role) in args.models.items():
            bought = args.throughput if role is Role.ANSWERS else None
            self.called_by[id_] = self._units(model, bought) if bought else self._profile(model, role)
        self.register_outputs({})

    def _profile(self, model: ManagedModel, role: Role) -> pulumi.Output[str]:
        profile = aws.bedrock.InferenceProfile(
            _label(model),
            name=name("aws.inference_profile", self._account.stack, model.id),
            model_source={"copy_from": model.arn(self._account)},
            tags={ROLE_TAG: str(role)},
            opts=self._child,
        )
        self.made.append(profile)
        arn: pulumi.Output[str] = profile.arn
        return arn

    def _units(self, model: ManagedModel, bought: Throughput) -> pulumi.Output[str]:
        units = aws.bedrock.ProvisionedModelThroughput(
            _label(model),
            provisioned_model_name=name("aws.provisioned_model", self._account.stack, model.id),
            model_arn=model.arn(self._account),
            model_units=bought.units,
            commitment_duration=None if bought.commitment is Commitment.NONE else str(bought.commitment),
            tags={ROLE_TAG: str(Role.ANSWERS)},
            opts=self._child,
        )
        self.made.append(units)
        arn: pulumi.Output[str] = units.provisioned_model_arn
        return arn


def _label(model: ManagedModel) -> str:
    return model.id.replace(":", "-")
