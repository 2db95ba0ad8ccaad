"""Names that a cloud will accept: its rules as data, and one function that makes a valid name from parts."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

_HASH_DIGITS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What one kind of resource may be called.

    `pattern` must match the whole name; `lower` folds case first; `separator` joins the parts and stands in for
    characters that are not allowed ("" where none is).
    """

    max_length: int
    min_length: int = 1
    pattern: str = r"[A-Za-z0-9](-?[A-Za-z0-9])*"
    separator: str = "-"
    lower: bool = False
    not_first: tuple[str, ...] = ()
    not_last: tuple[str, ...] = ()

    def allows(self, name: str) -> bool:
        """Whether the cloud would take this name."""
        return (
            self.min_length <= len(name) <= self.max_length
            and re.fullmatch(self.pattern, name) is not None
            and not name.lower().startswith(self.not_first)
            and not name.lower().endswith(self.not_last)
        )


# Lower-case letter first, then letters, digits and single hyphens, a letter or digit last.
_LABEL = r"[a-z](-?[a-z0-9])*"
_LOWER = r"[a-z0-9](-?[a-z0-9])*"

RULES: dict[str, Rule] = {
    "aws.target_group": Rule(max_length=32),
    "aws.load_balancer": Rule(max_length=32, not_first=("internal-",)),
    "aws.ecs_cluster": Rule(max_length=255),
    "aws.ecs_service": Rule(max_length=255),
    "aws.ecs_task_family": Rule(max_length=255),
    "aws.ecs_capacity_provider": Rule(max_length=255, not_first=("aws", "ecs", "fargate")),
    "aws.autoscaling_group": Rule(max_length=255),
    "aws.launch_template": Rule(max_length=128, min_length=3),
    "aws.security_group": Rule(max_length=255, not_first=("sg-",)),
    "aws.alarm": Rule(max_length=255),
    "aws.iam_role": Rule(max_length=64),
    "aws.iam_policy": Rule(max_length=128),
    "aws.s3_bucket": Rule(
        max_length=63,
        min_length=3,
        pattern=_LOWER,
        lower=True,
        not_first=("xn--", "sthree-", "amzn-s3-demo-"),
        not_last=("-s3alias", "--ol-s3", "--x-s3", "--table-s3"),
    ),
    "aws.ecr_repository": Rule(max_length=256, min_length=2, pattern=_LABEL, lower=True),
    "aws.eks_cluster": Rule(max_length=100),
    "aws.lambda_function": Rule(max_length=64),
    "aws.sagemaker_endpoint": Rule(max_length=63),
    "aws.elasticache_group": Rule(max_length=40, pattern=_LABEL, lower=True),
    "gcp.cloud_run_service": Rule(max_length=49, pattern=_LABEL, lower=True),
    "gcp.cloud_run_revision": Rule(max_length=63, pattern=_LABEL, lower=True),
    "gcp.service_account": Rule(max_length=30, min_length=6, pattern=_LABEL, lower=True),
    "gcp.gcs_bucket": Rule(max_length=63, min_length=3, pattern=_LOWER, lower=True, not_first=("goog",)),
    "gcp.gke_cluster": Rule(max_length=40, pattern=_LABEL, lower=True),
    "gcp.artifact_repository": Rule(max_length=63, pattern=_LABEL, lower=True),
    "gcp.secret": Rule(max_length=255),
    "azure.resource_group": Rule(max_length=90),
    "azure.container_app": Rule(max_length=32, min_length=2, pattern=_LABEL, lower=True),
    "azure.container_app_environment": Rule(max_length=60, min_length=2, pattern=_LABEL, lower=True),
    "azure.container_registry": Rule(max_length=50, min_length=5, pattern=r"[A-Za-z0-9]+", separator=""),
    "azure.key_vault": Rule(max_length=24, min_length=3, pattern=r"[A-Za-z](-?[A-Za-z0-9])*"),
    "azure.storage_account": Rule(max_length=24, min_length=3, pattern=r"[a-z0-9]+", separator="", lower=True),
    "azure.cognitive_account": Rule(max_length=64, min_length=2),
    "azure.log_workspace": Rule(max_length=63, min_length=4),
    "azure.managed_identity": Rule(max_length=128, min_length=3),
    "kubernetes.object": Rule(max_length=63, pattern=_LABEL, lower=True),
}


def name(kind: str, *parts: str) -> str:
    """A valid name for this kind of resource: the parts joined, the same on every run.

    What had to be changed to fit ends in a hash of what it was, so that two different names never become one.
    """
    rule = RULES[kind]
    wanted = rule.separator.join(part for part in parts if part)
    if rule.allows(wanted):
        return wanted
    digest = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:_HASH_DIGITS]
    folded = wanted.lower() if rule.lower else wanted
    words = [word for word in re.split(r"[^A-Za-z0-9]+", folded) if word]
    kept = rule.separator.join(words)
    if not re.match(r"[A-Za-z]", kept) or kept.lower().startswith(rule.not_first):
        kept = f"t{rule.separator}{kept}"
    room = rule.max_length - len(rule.separator) - _HASH_DIGITS
    return f"{kept[:room].rstrip('-')}{rule.separator}{digest}"
