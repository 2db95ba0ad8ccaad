"""What each cloud takes as a name: its rules as data, by cloud and kind of resource."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class NameRule:
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

NAME_RULES: dict[str, NameRule] = {
    "aws.target_group": NameRule(max_length=32),
    "aws.load_balancer": NameRule(max_length=32, not_first=("internal-",)),
    "aws.ecs_cluster": NameRule(max_length=255),
    "aws.ecs_service": NameRule(max_length=255),
    "aws.ecs_task_family": NameRule(max_length=255),
    "aws.ecs_capacity_provider": NameRule(max_length=255, not_first=("aws", "ecs", "fargate")),
    "aws.autoscaling_group": NameRule(max_length=255),
    "aws.launch_template": NameRule(max_length=128, min_length=3),
    "aws.security_group": NameRule(max_length=255, not_first=("sg-",)),
    "aws.alarm": NameRule(max_length=255),
    "aws.iam_role": NameRule(max_length=64),
    "aws.iam_policy": NameRule(max_length=128),
    "aws.s3_bucket": NameRule(
        max_length=63,
        min_length=3,
        pattern=_LOWER,
        lower=True,
        not_first=("xn--", "sthree-", "amzn-s3-demo-"),
        not_last=("-s3alias", "--ol-s3", "--x-s3", "--table-s3"),
    ),
    "aws.ecr_repository": NameRule(max_length=256, min_length=2, pattern=_LABEL, lower=True),
    "aws.eks_cluster": NameRule(max_length=100),
    "aws.lambda_function": NameRule(max_length=64),
    "aws.sagemaker_endpoint": NameRule(max_length=63),
    "aws.elasticache_group": NameRule(max_length=40, pattern=_LABEL, lower=True),
    "aws.inference_profile": NameRule(max_length=64),
    "aws.guardrail": NameRule(max_length=50),
    "aws.provisioned_model": NameRule(max_length=63),
    "gcp.cloud_run_service": NameRule(max_length=49, pattern=_LABEL, lower=True),
    "gcp.cloud_run_revision": NameRule(max_length=63, pattern=_LABEL, lower=True),
    "gcp.service_account": NameRule(max_length=30, min_length=6, pattern=_LABEL, lower=True),
    "gcp.gcs_bucket": NameRule(max_length=63, min_length=3, pattern=_LOWER, lower=True, not_first=("goog",)),
    "gcp.gke_cluster": NameRule(max_length=40, pattern=_LABEL, lower=True),
    "gcp.artifact_repository": NameRule(max_length=63, pattern=_LABEL, lower=True),
    "gcp.secret": NameRule(max_length=255),
    "azure.resource_group": NameRule(max_length=90),
    "azure.container_app": NameRule(max_length=32, min_length=2, pattern=_LABEL, lower=True),
    "azure.container_app_environment": NameRule(max_length=60, min_length=2, pattern=_LABEL, lower=True),
    "azure.container_registry": NameRule(max_length=50, min_length=5, pattern=r"[A-Za-z0-9]+", separator=""),
    "azure.key_vault": NameRule(max_length=24, min_length=3, pattern=r"[A-Za-z](-?[A-Za-z0-9])*"),
    "azure.storage_account": NameRule(max_length=24, min_length=3, pattern=r"[a-z0-9]+", separator="", lower=True),
    "azure.cognitive_account": NameRule(max_length=64, min_length=2),
    "azure.log_workspace": NameRule(max_length=63, min_length=4),
    "azure.managed_identity": NameRule(max_length=128, min_length=3),
    "kubernetes.object": NameRule(max_length=63, pattern=_LABEL, lower=True),
}
