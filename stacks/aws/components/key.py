"""The key that everything at rest is encrypted with, and who may use it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from stacks.aws.account import Account
from stacks.aws.documents import document

# What the account's administrators need; whom of them is then IAM's decision. Spelt out: no `kms:*`.
_ADMINISTRATION = (
    "kms:CancelKeyDeletion",
    "kms:CreateAlias",
    "kms:CreateGrant",
    "kms:Decrypt",
    "kms:DeleteAlias",
    "kms:DescribeKey",
    "kms:DisableKey",
    "kms:EnableKey",
    "kms:EnableKeyRotation",
    "kms:Encrypt",
    "kms:GenerateDataKey",
    "kms:GenerateDataKeyWithoutPlaintext",
    "kms:GetKeyPolicy",
    "kms:GetKeyRotationStatus",
    "kms:ListGrants",
    "kms:ListKeyPolicies",
    "kms:ListResourceTags",
    "kms:PutKeyPolicy",
    "kms:ReEncryptFrom",
    "kms:ReEncryptTo",
    "kms:RevokeGrant",
    "kms:ScheduleKeyDeletion",
    "kms:TagResource",
    "kms:UntagResource",
    "kms:UpdateAlias",
    "kms:UpdateKeyDescription",
)
_USE = ("kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey", "kms:ReEncryptFrom", "kms:ReEncryptTo")


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyArgs:
    """`alias` begins with `alias/`."""

    account: Account
    alias: str


class Key(pulumi.ComponentResource):
    """A symmetric key that rotates every year, and its alias."""

    def __init__(self, resource_name: str, args: KeyArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("trimaran:aws:Key", resource_name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        key = aws.kms.Key(
            "key",
            description=f"Everything at rest of {args.account.stack} and of what stands on it",
            enable_key_rotation=True,
            deletion_window_in_days=30 if args.account.is_prod else 7,
            policy=document(statements(args.account)),
            opts=child,
        )
        aws.kms.Alias("alias", name=args.alias, target_key_id=key.key_id, opts=child)
        self.arn = key.arn
        self.register_outputs({"arn": self.arn})


def statements(account: Account) -> list[dict[str, Any]]:
    """Who may use the key: the account through IAM, and services of AWS for this account alone."""
    ours = {"StringEquals": {"aws:SourceAccount": account.id}}
    logs = account.arn("logs", "log-group:/trimaran/*")
    return [
        _to("Account", {"AWS": account.global_arn("iam", "root")}, _ADMINISTRATION, {}),
        _to(
            "Logs",
            {"Service": f"logs.{account.region}.amazonaws.com"},
            _USE,
            {"ArnLike": {"kms:EncryptionContext:aws:logs:arn": logs}},
        ),
        _to("Notifications", {"Service": ["cloudwatch.amazonaws.com", "budgets.amazonaws.com"]}, _USE, ours),
        # As AWS's own key for disks has it: the role of Auto Scaling that starts encrypted instances may not exist yet,
        # and a policy that names a role that does not exist is refused.
        _to(
            "Disks",
            {"AWS": "*"},
            (*_USE, "kms:CreateGrant", "kms:GenerateDataKeyWithoutPlaintext"),
            {
                "StringEquals": {
                    "kms:CallerAccount": account.id,
                    "kms:ViaService": f"ec2.{account.region}.amazonaws.com",
                }
            },
        ),
    ]


def _to(sid: str, principal: dict[str, Any], actions: tuple[str, ...], condition: dict[str, Any]) -> dict[str, Any]:
    when = {"Condition": condition} if condition else {}
    # In a key's policy "*" is this key.
    return {"Sid": sid, "Effect": "Allow", "Principal": principal, "Action": list(actions), "Resource": "*", **when}
