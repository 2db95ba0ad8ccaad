"""The target `aws-foundation`: what service stacks stand on. Each part is made, or is one the user already has."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pulumi

from stacks.aws.account import Account, account_of, zones
from stacks.aws.components.domain import Domain, DomainArgs
from stacks.aws.components.flow_logs import FlowLogs, FlowLogsArgs
from stacks.aws.components.invocation_log import InvocationLog, InvocationLogArgs
from stacks.aws.components.key import Key, KeyArgs
from stacks.aws.components.network import Network, NetworkArgs
from stacks.aws.components.pipeline import Pipeline, PipelineArgs
from stacks.aws.components.registry import Registry, RegistryArgs
from stacks.aws.components.storage import Bucket, BucketArgs
from stacks.aws.config import FoundationConfig
from stacks.aws.foundation_parts import OUTPUT, Foundation, NetworkIds, exported, own_network
from stacks.aws.refusals import refuse_unknown_retention
from stacks.aws.tagging import tag_everything, tags_of
from stacks.naming import name
from stacks.outputs import Outputs, Reference


def deploy(config: FoundationConfig, root: Path) -> Outputs:
    """Make the parts that config does not name, and export the ids of all of them."""
    refuse_unknown_retention(config)
    tag_everything(tags_of(config))
    account = account_of(config)
    key = config.key or Key("key", KeyArgs(account=account, alias=_alias(config))).arn
    network = own_network(config.network) or _network(config, account, key)
    zone, certificate = _zone_and_certificate(config)
    parts = Foundation(
        network=network,
        zone=zone,
        certificate=certificate,
        key=key,
        bucket=config.bucket or _bucket_of_models(config, account, key),
        log_bucket=config.log_bucket or _bucket_of_logs(config, account),
    )
    if config.bedrock.invocation_logging is not None:
        args = InvocationLogArgs(
            account=account,
            key=key,
            retention_days=config.retention_days,
            section=config.bedrock.invocation_logging,
        )
        InvocationLog("invocations", args)
    pulumi.export(OUTPUT, exported(parts))
    pulumi.export("registry", _registry(config, account, key))
    pulumi.export("pipeline", _pipeline(config, account))
    return _nothing_that_answers(config, account)


def _network(config: FoundationConfig, account: Account, key: pulumi.Input[str]) -> NetworkIds:
    section = config.network
    network = Network(
        "network",
        NetworkArgs(
            stack=config.stack,
            region=account.region,
            cidr=str(section.cidr),
            zones=zones(section.zones),
            nat=section.nat,
            endpoints=section.endpoints,
        ),
    )
    if section.flow_logs:
        FlowLogs(
            "flow-logs",
            FlowLogsArgs(account=account, vpc=network.vpc.id, key=key, retention_days=config.retention_days),
        )
    return NetworkIds(
        vpc=network.vpc.id,
        cidr=str(section.cidr),
        private_subnets=[each.id for each in network.private_subnets],
        public_subnets=[each.id for each in network.public_subnets],
    )


def _zone_and_certificate(config: FoundationConfig) -> tuple[pulumi.Input[str], pulumi.Input[str]]:
    section, certificate = config.domain, config.ingress.certificate
    if section is None:
        return "", certificate or ""
    if section.zone and certificate:
        return section.zone, certificate
    domain = Domain("domain", DomainArgs(name=section.name, zone=section.zone))
    return domain.zone, domain.certificate


def _bucket_of_models(config: FoundationConfig, account: Account, key: pulumi.Input[str]) -> pulumi.Output[str]:
    """Models are kept as long as anybody wants them."""
    args = BucketArgs(account=account, bucket=_bucket_name(config, account, "models"), key=key)
    return Bucket("models", args).bucket


def _bucket_of_logs(config: FoundationConfig, account: Account) -> pulumi.Output[str]:
    """Access logs are kept as long as other logs."""
    args = BucketArgs(
        account=account,
        bucket=_bucket_name(config, account, "logs"),
        key=None,
        expire_days=config.retention_days,
        takes_access_logs=True,
    )
    return Bucket("access-logs", args).bucket


def _bucket_name(config: FoundationConfig, account: Account, part: str) -> str:
    return name("aws.s3_bucket", config.stack, part, account.id, account.region)


def _registry(config: FoundationConfig, account: Account, key: pulumi.Input[str]) -> dict[str, Any]:
    if config.registry:
        return {"url": config.registry}
    return dict(Registry("registry", RegistryArgs(account=account, prefix=config.stack, key=key)).urls)


def _pipeline(config: FoundationConfig, account: Account) -> dict[str, Any]:
    if config.pipeline is None:
        return {}
    key = config.key or _alias(config)
    return dict(Pipeline("pipeline", PipelineArgs(account=account, section=config.pipeline, key=key)).roles)


def _alias(config: FoundationConfig) -> str:
    return f"alias/trimaran/{config.stack}"


def _nothing_that_answers(config: FoundationConfig, account: Account) -> Outputs:
    """A foundation exports what every stack does; nothing of it answers a request."""
    nothing = Reference(kind="none", ref={})
    return Outputs(
        target=config.target,
        environment=config.environment,
        region=account.region,
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
