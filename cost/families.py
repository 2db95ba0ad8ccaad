"""What a resource is billed for in a month: a name, an amount and a unit for each, and no prices. One small file a family."""

from __future__ import annotations

from collections.abc import Mapping

from cost.aws import (
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
from cost.quantity import Handler

_FAMILIES = (
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

# The function for each resource type that is billed.
BILLED: Mapping[str, Handler] = {type_: handler for family in _FAMILIES for type_, handler in family.TYPES.items()}
