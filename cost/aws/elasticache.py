"""ElastiCache: nodes by the hour."""

from __future__ import annotations

from collections.abc import Iterator

from cost.amounts import Amount, exactly
from cost.inputs import Inputs
from cost.preview import Resource, Side
from cost.quantity import Handler, Quantity
from cost.replicas import always
from cost.usage import Usage


def replication_group(resource: Resource, side: Side, usage: Usage) -> Iterator[Quantity]:
    """Shards times nodes, or the number of nodes of a group without shards."""
    inputs = resource.inputs
    yield _nodes(inputs, _node_count(inputs), inputs.text("engine", "redis"))
    if not inputs.amount("snapshotRetentionLimit", 0).is_nothing:
        amount = usage.amount("backup_gb", resource.name)
        yield Quantity(item="cache backups", skus=("aws:elasticache:backup",), unit="GB-month", amount=amount)


def cluster(resource: Resource, side: Side, usage: Usage) -> Iterator[Quantity]:
    """The nodes of a single cluster; one that belongs to a replication group is counted there."""
    if not resource.inputs.has("replicationGroupId"):
        count = resource.inputs.amount("numCacheNodes", 1)
        yield _nodes(resource.inputs, count, resource.inputs.text("engine", "redis"))


TYPES: dict[str, Handler] = {
    "aws:elasticache/replicationGroup:ReplicationGroup": replication_group,
    "aws:elasticache/cluster:Cluster": cluster,
}


def _node_count(inputs: Inputs) -> Amount:
    if inputs.has("numNodeGroups"):
        return inputs.amount("numNodeGroups") * (inputs.amount("replicasPerNodeGroup", 0) + exactly(1))
    return inputs.amount("numCacheClusters", 1)


def _nodes(inputs: Inputs, count: Amount, engine: str) -> Quantity:
    kind = inputs.text("nodeType")
    return Quantity(
        item="cache nodes",
        skus=(f"aws:elasticache:{engine}/{kind}",),
        unit="node-hour",
        amount=always(count),
        detail=f"{count.expected} × {kind}" if count.expected is not None else kind,
    )
