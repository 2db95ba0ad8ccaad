"""What a service stands on: network, key, buckets, zone and certificate, from a foundation stack or from ids in config."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from stacks.config import ConfigError, StackConfig

OUTPUT = "foundation"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """Ids of AWS; "" where there is no such thing. `key` is an ARN, `bucket` holds models, `log_bucket` access logs."""

    vpc: pulumi.Input[str]
    vpc_cidr: pulumi.Input[str]
    private_subnets: pulumi.Input[Sequence[pulumi.Input[str]]]
    public_subnets: pulumi.Input[Sequence[pulumi.Input[str]]]
    key: pulumi.Input[str]
    bucket: pulumi.Input[str]
    log_bucket: pulumi.Input[str]
    zone: pulumi.Input[str]
    certificate: pulumi.Input[str]

    @property
    def keeps_access_logs(self) -> bool:
        """A foundation always has a bucket for them; with ids of one's own there may be none."""
        return not (isinstance(self.log_bucket, str) and self.log_bucket == "")


def ground_of(config: StackConfig) -> Ground:
    """The ids that config names, and for the rest those of the foundation. Raises ConfigError where one is nowhere."""
    given = _given(config)
    if config.foundation is None:
        missing = [key for key, name in _NEEDED.items() if name not in given]
        if missing:
            raise ConfigError(
                f"stack '{config.stack}' stands on nothing: trimaran:foundation is not set, nor trimaran:{missing[0]}.",
                f"./trimaran pulumi config set trimaran:foundation aws-foundation-{config.environment} --stack {config.stack}",
            )
        return Ground(**{**_EMPTY, **given})
    made = pulumi.StackReference("foundation", stack_name=_full_name(config.foundation)).require_output(OUTPUT)
    return Ground(**{**{name: _part(made, name) for name in _EMPTY}, **given})


def vpc_cidr(vpc: str) -> str:
    """The address range of a VPC that is there already."""
    return str(aws.ec2.get_vpc(id=vpc).cidr_block)


_EMPTY: Mapping[str, Any] = {
    "vpc": "",
    "vpc_cidr": "",
    "private_subnets": (),
    "public_subnets": (),
    "key": "",
    "bucket": "",
    "log_bucket": "",
    "zone": "",
    "certificate": "",
}
# The config key that must be there without a foundation -> the part it gives.
_NEEDED = {"network.vpc": "vpc", "key": "key", "bucket": "bucket"}


def _given(config: StackConfig) -> dict[str, Any]:
    """The parts that config names itself."""
    network = config.network
    parts: dict[str, Any] = {
        "key": config.key,
        "bucket": config.bucket,
        "log_bucket": config.log_bucket,
        "zone": config.domain.zone if config.domain else None,
        "certificate": config.ingress.certificate,
    }
    if network.vpc:
        parts |= {
            "vpc": network.vpc,
            "vpc_cidr": vpc_cidr(network.vpc),
            "private_subnets": network.private_subnets,
            "public_subnets": network.public_subnets,
        }
    return {name: value for name, value in parts.items() if value is not None}


def _part(made: pulumi.Output[Any], name: str) -> pulumi.Output[Any]:
    return made.apply(lambda parts: parts[name])


def _full_name(foundation: str) -> str:
    if "/" in foundation:
        return foundation
    return f"{pulumi.get_organization()}/{pulumi.get_project()}/{foundation}"
