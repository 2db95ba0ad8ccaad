"""What looks at prompts and answers before the model or the caller sees them, in a version that never changes."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from stacks.aws.account import Account
from stacks.naming import name

_DIGEST_DIGITS = 8
# Harm is blocked on both sides, from medium confidence on: at HIGH harmless talk about medicine or war is blocked too (a decision of
# this kit). Orders hidden in a prompt exist on its side only, where Bedrock refuses any other strength than NONE for answers.
_FILTERS = [
    {"type": "HATE", "input_strength": "MEDIUM", "output_strength": "MEDIUM"},
    {"type": "INSULTS", "input_strength": "MEDIUM", "output_strength": "MEDIUM"},
    {"type": "MISCONDUCT", "input_strength": "MEDIUM", "output_strength": "MEDIUM"},
    {"type": "PROMPT_ATTACK", "input_strength": "HIGH", "output_strength": "NONE"},
    {"type": "SEXUAL", "input_strength": "MEDIUM", "output_strength": "MEDIUM"},
    {"type": "VIOLENCE", "input_strength": "MEDIUM", "output_strength": "MEDIUM"},
]
# What harms whom it belongs to when it is seen is masked; a key to AWS has no business in a conversation at all. Names, addresses
# and the like are what conversations are made of, and stay (types of botocore's bedrock.GuardrailPiiEntityType, 2026-12-01).
_ENTITIES = [
    {"type": "AWS_SECRET_KEY", "action": "BLOCK"},
    {"type": "CREDIT_DEBIT_CARD_CVV", "action": "ANONYMIZE"},
    {"type": "CREDIT_DEBIT_CARD_NUMBER", "action": "ANONYMIZE"},
    {"type": "INTERNATIONAL_BANK_ACCOUNT_NUMBER", "action": "ANONYMIZE"},
    {"type": "PASSWORD", "action": "ANONYMIZE"},
    {"type": "PIN", "action": "ANONYMIZE"},
    {"type": "US_BANK_ACCOUNT_NUMBER", "action": "ANONYMIZE"},
    {"type": "US_PASSPORT_NUMBER", "action": "ANONYMIZE"},
    {"type": "US_SOCIAL_SECURITY_NUMBER", "action": "ANONYMIZE"},
]
STANDARD: dict[str, Any] = {
    "blocked_input_messaging": "This request was stopped by a guardrail.",
    "blocked_outputs_messaging": "This answer was stopped by a guardrail.",
    "content_policy_config": {"filters_configs": _FILTERS},
    "sensitive_information_policy_config": {"pii_entities_configs": _ENTITIES},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardrailArgs:
    """Encrypted with a key of AWS's: what it says stands here for all to read, and with one of ours the api would have to decrypt."""

    account: Account


class Guardrail(pulumi.ComponentResource):
    """The standard guardrail and the version of it that the app uses. An older one stays, for blue may still use it."""

    def __init__(self, resource_name: str, args: GuardrailArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("trimaran:aws:Guardrail", resource_name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        guardrail = aws.bedrock.Guardrail(
            "guardrail",
            name=name("aws.guardrail", args.account.stack),
            description="What Trimaran puts before a managed model",
            opts=child,
            **STANDARD,
        )
        # A version is of what the guardrail says when it is made: another text here makes the next one.
        version = aws.bedrock.GuardrailVersion(
            "guardrail", guardrail_arn=guardrail.guardrail_arn, description=meaning(), skip_destroy=True, opts=child
        )
        self.id: pulumi.Output[str] = guardrail.guardrail_id
        self.version: pulumi.Output[str] = version.version
        self.made: list[pulumi.Resource] = [guardrail, version]
        self.register_outputs({"id": self.id, "version": self.version})


def meaning() -> str:
    """What the preset says, in a word that changes with it."""
    digest = hashlib.sha256(json.dumps(STANDARD, sort_keys=True).encode()).hexdigest()
    return f"standard {digest[:_DIGEST_DIGITS]}"
