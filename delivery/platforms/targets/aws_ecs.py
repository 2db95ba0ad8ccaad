"""The target `aws-ecs` as the commands reach it."""

from __future__ import annotations

from delivery.platforms.cloud import CloudPlatform
from delivery.platforms.platform import Platform

PLATFORM: Platform = CloudPlatform(
    target="aws-ecs", logs_hint="aws logs tail /trimaran/{stack}/api --region {region} --follow"
)
