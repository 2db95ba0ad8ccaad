"""The target `aws-bedrock` as the commands reach it: two versions of a model are two revisions of its api, split by ECS."""

from __future__ import annotations

from delivery.platforms.cloud import CloudPlatform
from delivery.platforms.platform import Platform

PLATFORM: Platform = CloudPlatform(
    target="aws-bedrock", logs_hint="aws logs tail /trimaran/{stack}/api --region {region} --follow"
)
