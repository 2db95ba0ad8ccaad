"""The target `aws-foundation` as the commands reach it: it runs no app, so that it has no versions and no logs."""

from __future__ import annotations

from delivery.platforms.cloud import CloudPlatform
from delivery.platforms.platform import Platform

PLATFORM: Platform = CloudPlatform(target="aws-foundation")
