"""The routes of one version of the api in a parameter, where they name what is not known before it is made.

In the task definition an unknown part would hide the whole of it from prices and policies; by a parameter it has a plain name, as
the callers' keys have.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from stacks.aws.account import Account
from stacks.aws.routes import LateRoutes
from stacks.config import ConfigError

# Parameter Store takes this many bytes in its two tiers; the larger one is billed (docs.aws.amazon.com/systems-manager,
# parameter-store-advanced-parameters, checked 2026-12-01).
_STANDARD_BYTES, _ADVANCED_BYTES = 4096, 8192
# An ARN takes more room than what stands for it.
_ROOM_BYTES = 700
_DIGEST_DIGITS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutesParameterArgs:
    """`key` encrypts: a system prompt is nobody else's."""

    account: Account
    key: pulumi.Input[str]
    revision: str
    routes: LateRoutes
    waits_for: list[pulumi.Resource]


class RoutesParameter(pulumi.ComponentResource):
    """One parameter; `name` is another one whenever the routes change, so that tasks start anew with them."""

    def __init__(
        self, resource_name: str, args: RoutesParameterArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("trimaran:aws:RoutesParameter", resource_name, {}, opts)
        self.name = args.account.parameter(f"routes-{args.revision}-{digest_of(args.routes)}")
        self.parameter = aws.ssm.Parameter(
            resource_name,
            name=self.name,
            type="SecureString",
            tier=tier_of(args.routes.plain, args.account.stack),
            key_id=args.key,
            value=args.routes.text,
            opts=pulumi.ResourceOptions(parent=self, depends_on=args.waits_for),
        )
        self.register_outputs({})


def digest_of(routes: LateRoutes) -> str:
    """A word that changes whenever the routes do."""
    return hashlib.sha256(routes.plain.encode()).hexdigest()[:_DIGEST_DIGITS]


def tier_of(plain: str, stack: str) -> str:
    """The smallest tier that has room. Raises ConfigError where none has."""
    size = len(plain.encode()) + _ROOM_BYTES
    if size > _ADVANCED_BYTES:
        raise ConfigError(
            f"the routes with trimaran:settings.systemPrompt would take {size} bytes; a parameter takes {_ADVANCED_BYTES}.",
            f"./trimaran pulumi config set --path trimaran:settings.systemPrompt '<a shorter one>' --stack {stack}",
        )
    return "Standard" if size <= _STANDARD_BYTES else "Advanced"
