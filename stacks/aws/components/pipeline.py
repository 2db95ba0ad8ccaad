"""The roles of a pipeline on GitHub: one that previews and one that deploys, without any stored key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from stacks.aws.account import Account
from stacks.aws.components.pipeline_permissions import deploying, previewing
from stacks.aws.config import PipelineSection
from stacks.aws.documents import Statement, document
from stacks.naming import name

_ISSUER = "token.actions.githubusercontent.com"


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineArgs:
    """`key` is the alias or the ARN of the key that encrypts what the stacks keep; the state's own is in the section."""

    account: Account
    section: PipelineSection
    key: str


class Pipeline(pulumi.ComponentResource):
    """The identity provider, unless the account has it, and the two roles that trust it."""

    def __init__(self, resource_name: str, args: PipelineArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("trimaran:aws:Pipeline", resource_name, {}, opts)
        self._account = args.account
        self._child = pulumi.ResourceOptions(parent=self)
        made = [] if args.section.provider else [self._identity_provider()]
        self._after_provider = pulumi.ResourceOptions(parent=self, depends_on=made)
        provider = args.section.provider or args.account.global_arn("iam", f"oidc-provider/{_ISSUER}")
        repository = args.section.repository
        preview, deploy = (
            self._role("preview", provider, f"repo:{repository}:pull_request", previewing(args.account, args.section)),
            self._role(
                "deploy",
                provider,
                f"repo:{repository}:environment:{args.account.environment}",
                deploying(args.account, args.section, args.key),
            ),
        )
        self.roles = {"preview": preview.arn, "deploy": deploy.arn}
        self.register_outputs({"roles": self.roles})

    def _identity_provider(self) -> pulumi.Resource:
        """An account can have one for each issuer: a second foundation names the first one's in config."""
        made: pulumi.Resource = aws.iam.OpenIdConnectProvider(
            "github", url=f"https://{_ISSUER}", client_id_lists=["sts.amazonaws.com"], opts=self._child
        )
        return made

    def _role(self, label: str, provider: str, subject: str, policies: Mapping[str, list[Statement]]) -> aws.iam.Role:
        """ARNs are made of names, so that policies can be judged before anything exists."""
        role = aws.iam.Role(
            label,
            name=name("aws.iam_role", self._account.stack, "pipeline", label),
            description=f"Taken by workflows of {subject}",
            max_session_duration=7200,
            assume_role_policy=document([_trust(provider, subject)]),
            opts=self._after_provider,
        )
        for part, statements in policies.items():
            called = name("aws.iam_policy", self._account.stack, "pipeline", label, part)
            policy = aws.iam.Policy(f"{label}-{part}", name=called, policy=document(statements), opts=self._child)
            aws.iam.RolePolicyAttachment(
                f"{label}-{part}",
                role=role.name,
                policy_arn=self._account.global_arn("iam", f"policy/{called}"),
                opts=pulumi.ResourceOptions(parent=self, depends_on=[policy]),
            )
        return role


def _trust(provider: str, subject: str) -> dict[str, Any]:
    """Only workflows of this repository, and of them only those of this environment or event."""
    return {
        "Effect": "Allow",
        "Principal": {"Federated": provider},
        "Action": ["sts:AssumeRoleWithWebIdentity"],
        "Condition": {"StringEquals": {f"{_ISSUER}:aud": "sts.amazonaws.com", f"{_ISSUER}:sub": subject}},
    }
