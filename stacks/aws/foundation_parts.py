"""What a service stands on: network, key, buckets, zone and certificate, from a foundation stack or from ids in config.

A foundation exports it and a service reads it: both sides of that contract are here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from stacks.aws.config import ApiConfig, OwnNetwork
from stacks.config import ConfigError

OUTPUT = "foundation"


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkIds:
    """A network that is there, or will be: ids and its address range."""

    vpc: pulumi.Input[str]
    cidr: pulumi.Input[str]
    private_subnets: pulumi.Input[Sequence[pulumi.Input[str]]]
    public_subnets: pulumi.Input[Sequence[pulumi.Input[str]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Foundation:
    """Ids of AWS; "" where there is no such thing. `key` is an ARN, `bucket` holds models, `log_bucket` access logs."""

    network: NetworkIds
    key: pulumi.Input[str]
    bucket: pulumi.Input[str]
    log_bucket: pulumi.Input[str]
    zone: pulumi.Input[str]
    certificate: pulumi.Input[str]

    @property
    def keeps_access_logs(self) -> bool:
        """A foundation always has a bucket for them; with ids of one's own there may be none."""
        return not (isinstance(self.log_bucket, str) and self.log_bucket == "")


def foundation_of(config: ApiConfig) -> Foundation:
    """The ids that config names, and for the rest those of the foundation. Raises ConfigError where one is nowhere."""
    if config.foundation is None:
        _refuse_missing(config)
        others = _NOTHING
    else:
        others = _imported(pulumi.StackReference("foundation", stack_name=_full_name(config.foundation)))
    zone = config.domain.zone if config.domain else None
    return Foundation(
        network=own_network(config.network) or others.network,
        key=config.key or others.key,
        bucket=config.bucket or others.bucket,
        log_bucket=config.log_bucket or others.log_bucket,
        zone=zone or others.zone,
        certificate=config.ingress.certificate or others.certificate,
    )


def own_network(section: OwnNetwork) -> NetworkIds | None:
    """The network that config names; None where it names none."""
    if section.vpc is None:
        return None
    return NetworkIds(
        vpc=section.vpc,
        cidr=str(aws.ec2.get_vpc(id=section.vpc).cidr_block),
        private_subnets=list(section.private_subnets),
        public_subnets=list(section.public_subnets),
    )


def exported(foundation: Foundation) -> dict[str, Any]:
    """What a foundation stack hands out."""
    network = foundation.network
    return {
        "vpc": network.vpc,
        "vpc_cidr": network.cidr,
        "private_subnets": network.private_subnets,
        "public_subnets": network.public_subnets,
        "key": foundation.key,
        "bucket": foundation.bucket,
        "log_bucket": foundation.log_bucket,
        "zone": foundation.zone,
        "certificate": foundation.certificate,
    }


def _imported(stack: pulumi.StackReference) -> Foundation:
    """What `exported` has handed out."""
    made = stack.require_output(OUTPUT)

    def part(name: str) -> pulumi.Output[Any]:
        return made.apply(lambda parts: parts[name])

    return Foundation(
        network=NetworkIds(
            vpc=part("vpc"),
            cidr=part("vpc_cidr"),
            private_subnets=part("private_subnets"),
            public_subnets=part("public_subnets"),
        ),
        key=part("key"),
        bucket=part("bucket"),
        log_bucket=part("log_bucket"),
        zone=part("zone"),
        certificate=part("certificate"),
    )


_NOTHING = Foundation(
    network=NetworkIds(vpc="", cidr="", private_subnets=(), public_subnets=()),
    key="",
    bucket="",
    log_bucket="",
    zone="",
    certificate="",
)


def _refuse_missing(config: ApiConfig) -> None:
    """What must be named where there is no foundation."""
    for key, value in (("network.vpc", config.network.vpc), ("key", config.key), ("bucket", config.bucket)):
        if value is None:
            raise ConfigError(
                f"stack '{config.stack}' stands on nothing: trimaran:foundation is not set, nor trimaran:{key}.",
                f"./trimaran pulumi config set trimaran:foundation aws-foundation-{config.environment} --stack {config.stack}",
            )


def _full_name(foundation: str) -> str:
    if "/" in foundation:
        return foundation
    return f"{pulumi.get_organization()}/{pulumi.get_project()}/{foundation}"
