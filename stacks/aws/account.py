"""Where a stack on AWS goes: account, region and zones, asked of the provider once and plain from then on.

Plain values keep names, policies and prices readable in the first preview, before anything exists.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass

import pulumi_aws as aws

from catalog.aws_regions import REGIONS
from catalog.clouds import CLOUDS
from stacks.aws.config import AwsConfig
from stacks.config import ConfigError, Environment

USUAL_REGION = CLOUDS["aws"].usual_region


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """The account with the number `id`, as one stack uses it: under its name, in its region."""

    stack: str
    environment: Environment
    id: str
    region: str
    partition: str

    @property
    def is_prod(self) -> bool:
        return self.environment is Environment.PROD

    def arn(self, service: str, resource: str) -> str:
        """The ARN of a resource of this account in this region."""
        return f"arn:{self.partition}:{service}:{self.region}:{self.id}:{resource}"

    def global_arn(self, service: str, resource: str) -> str:
        """The ARN of a resource of this account that belongs to no region, as IAM's do."""
        return f"arn:{self.partition}:{service}::{self.id}:{resource}"

    def bucket_arn(self, bucket: str, objects: str = "") -> str:
        """The ARN of a bucket, or of objects in it."""
        return f"arn:{self.partition}:s3:::{bucket}{objects}"

    def parameter(self, name: str) -> str:
        """The name of a parameter of this stack in SSM's parameter store."""
        return f"/trimaran/{self.stack}/{name}"

    def log_group(self, name: str) -> str:
        """The name of a log group of this stack."""
        return f"/trimaran/{self.stack}/{name}"


def account_of(config: AwsConfig) -> Account:
    """Ask the provider where it is. Raises ConfigError where the region is not set, or not one that `limits` allows."""
    if not config.region:
        raise ConfigError(
            f"aws:region is not set for stack '{config.stack}'.",
            f"./trimaran pulumi config set aws:region {USUAL_REGION} --stack {config.stack}",
        )
    if config.region not in REGIONS:
        near = next(iter(difflib.get_close_matches(config.region, REGIONS, n=1)), USUAL_REGION)
        raise ConfigError(
            f"aws:region is '{config.region}', which is no region of AWS that catalog/aws_regions.py knows.",
            f"./trimaran pulumi config set aws:region {near} --stack {config.stack}",
        )
    allowed = config.limits.regions
    if allowed is not None and config.region not in allowed:
        raise ConfigError(
            f"aws:region is '{config.region}'; trimaran:limits.regions allows {', '.join(allowed) or 'none'}.",
            f"./trimaran pulumi config set aws:region {next(iter(allowed), USUAL_REGION)} --stack {config.stack}",
        )
    return Account(
        stack=config.stack,
        environment=config.environment,
        id=aws.get_caller_identity().account_id,
        region=config.region,
        partition=aws.get_partition().partition,
    )


def zones(count: int) -> tuple[str, ...]:
    """The first availability zones of the region. Raises ConfigError where it has fewer."""
    names = aws.get_availability_zones(
        state="available", filters=[{"name": "opt-in-status", "values": ["opt-in-not-required"]}]
    ).names
    if len(names) < count:
        raise ConfigError(
            f"trimaran:network.zones is {count}; this region has {len(names)}.",
            f"./trimaran pulumi config set --path trimaran:network.zones {len(names)}",
        )
    return tuple(sorted(names)[:count])
