"""The target `aws-foundation`: what service stacks stand on. Each part is made, or is one the user already has."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pulumi

from stacks.aws.components.domain import Domain, DomainArgs
from stacks.aws.components.flow_logs import FlowLogs, FlowLogsArgs
from stacks.aws.components.key import Key, KeyArgs
from stacks.aws.components.network import Network, NetworkArgs
from stacks.aws.components.pipeline import Pipeline, PipelineArgs
from stacks.aws.components.registry import Registry, RegistryArgs
from stacks.aws.components.storage import Bucket, BucketArgs
from stacks.aws.ground import OUTPUT, vpc_cidr
from stacks.aws.place import Place, place_of, zones
from stacks.aws.refusals import refuse_unknown_retention
from stacks.aws.tagging import tag_everything, tags_of
from stacks.config import StackConfig
from stacks.naming import name
from stacks.outputs import Outputs, Reference


def deploy(config: StackConfig, root: Path) -> Outputs:
    """Make the parts that config does not name, and export the ids of all of them."""
    refuse_unknown_retention(config)
    tag_everything(tags_of(config))
    place = place_of(config)
    key = config.key or Key("key", KeyArgs(place=place, alias=_alias(config))).arn
    network = _network(config, place, key)
    parts = {**network, **_domain(config), "key": key, **_buckets(config, place, key)}
    pulumi.export(OUTPUT, parts)
    pulumi.export("registry", _registry(config, place, key))
    pulumi.export("pipeline", _pipeline(config, place))
    return _nothing_that_answers(config, place)


def _network(config: StackConfig, place: Place, key: pulumi.Input[str]) -> dict[str, Any]:
    section = config.network
    if section.vpc:
        return {
            "vpc": section.vpc,
            "vpc_cidr": vpc_cidr(section.vpc),
            "private_subnets": list(section.private_subnets),
            "public_subnets": list(section.public_subnets),
        }
    network = Network(
        "network",
        NetworkArgs(
            stack=config.stack,
            region=place.region,
            cidr=str(section.cidr),
            zones=zones(section.zones),
            nat=section.nat,
            endpoints=section.endpoints,
        ),
    )
    if section.flow_logs:
        FlowLogs(
            "flow-logs",
            FlowLogsArgs(place=place, vpc=network.vpc.id, key=key, retention_days=config.retention_days),
        )
    return {
        "vpc": network.vpc.id,
        "vpc_cidr": str(section.cidr),
        "private_subnets": [each.id for each in network.private_subnets],
        "public_subnets": [each.id for each in network.public_subnets],
    }


def _buckets(config: StackConfig, place: Place, key: pulumi.Input[str]) -> dict[str, Any]:
    """Models are kept as long as anybody wants them, access logs as long as other logs."""

    def named(part: str) -> str:
        return name("aws.s3_bucket", config.stack, part, place.account, place.region)

    models = config.bucket or Bucket("models", BucketArgs(place=place, bucket=named("models"), key=key)).bucket
    logs = (
        config.log_bucket
        or Bucket(
            "access-logs",
            BucketArgs(
                place=place,
                bucket=named("logs"),
                key=None,
                expire_days=config.retention_days,
                takes_access_logs=True,
            ),
        ).bucket
    )
    return {"bucket": models, "log_bucket": logs}


def _domain(config: StackConfig) -> dict[str, Any]:
    section = config.domain
    if section is None:
        return {"zone": "", "certificate": config.ingress.certificate or ""}
    if section.zone and config.ingress.certificate:
        return {"zone": section.zone, "certificate": config.ingress.certificate}
    domain = Domain("domain", DomainArgs(name=section.name, zone=section.zone))
    return {"zone": domain.zone, "certificate": domain.certificate}


def _registry(config: StackConfig, place: Place, key: pulumi.Input[str]) -> dict[str, Any]:
    if config.registry:
        return {"url": config.registry}
    return dict(Registry("registry", RegistryArgs(place=place, prefix=config.stack, key=key)).urls)


def _pipeline(config: StackConfig, place: Place) -> dict[str, Any]:
    if config.pipeline is None:
        return {}
    key = config.key or _alias(config)
    return dict(Pipeline("pipeline", PipelineArgs(place=place, section=config.pipeline, key=key)).roles)


def _alias(config: StackConfig) -> str:
    return f"alias/trimaran/{config.stack}"


def _nothing_that_answers(config: StackConfig, place: Place) -> Outputs:
    """A foundation exports what every stack does; nothing of it answers a request."""
    nothing = Reference(kind="none", ref={})
    return Outputs(
        target=config.target,
        environment=config.environment,
        region=place.region,
        url="",
        test_url="",
        test_headers={},
        image="",
        models=(),
        revision="",
        stable_revision="",
        auth="none",
        metrics=nothing,
        traffic=nothing,
        api_key_ref="",
    )
