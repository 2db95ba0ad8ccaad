"""Every family of AWS in one table: how each type is billed."""

from __future__ import annotations

from collections.abc import Mapping

from cost.aws import (
    bedrock,
    cloudwatch,
    compute,
    dns,
    ecr,
    ecs,
    elasticache,
    functions,
    kms,
    load_balancing,
    logs,
    network,
    s3,
    secrets,
)
from cost.quantity import Billed

BILLED: Mapping[str, Billed] = {
    **bedrock.BILLED,
    **cloudwatch.BILLED,
    **compute.BILLED,
    **dns.BILLED,
    **ecr.BILLED,
    **ecs.BILLED,
    **elasticache.BILLED,
    **functions.BILLED,
    **kms.BILLED,
    **load_balancing.BILLED,
    **logs.BILLED,
    **network.BILLED,
    **s3.BILLED,
    **secrets.BILLED,
}
