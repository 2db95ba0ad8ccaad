"""ElastiCache: nodes by the hour."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from cost.amounts import Amount, exactly
from cost.inputs import amount_of
from cost.quantity import Billed, Quantity
from cost.replicas import always
from cost.usage import Usage
from plan.inputs import Inputs
from plan.scope import Scope

GROUP = "aws:elasticache/replicationGroup:ReplicationGroup"
CLUSTER = "aws:elasticache/cluster:Cluster"


def replication_group(resource: Inputs, scope: Scope, usage: Usage) -> Iterator[Quantity]:
    """Shards times nodes, or the number of nodes of a group without shards."""
    yield _nodes(resource, _node_count(resource))
    if not amount_of(resource, "snapshotRetentionLimit", 0).is_nothing:
        kept = [each for each in scope.of(GROUP) if not amount_of(each, "snapshotRetentionLimit", 0).is_nothing]
        amount = usage.share("backup_gb", resource.name, len(kept))
        yield Quantity(
            key="cache-backups", item="cache backups", skus=("aws:elasticache:backup",), unit="GB-month", amount=amount
        )


def cluster(resource: Inputs, scope: Scope, usage: Usage) -> Iterator[Quantity]:
    """The nodes of a single cluster; one that belongs to a replication group is counted there."""
    if not resource.has("replicationGroupId"):
        yield _nodes(resource, amount_of(resource, "numCacheNodes", 1))


BILLED: Mapping[str, Billed] = {
    GROUP: Billed(
        handler=replication_group,
        reads={
            GROUP: (
                "engine",
                "nodeType",
                "numCacheClusters",
                "numNodeGroups",
                "replicasPerNodeGroup",
                "snapshotRetentionLimit",
            )
        },
        usage_keys=("backup_gb",),
    ),
    CLUSTER: Billed(handler=cluster, reads={CLUSTER: ("engine", "nodeType", "numCacheNodes", "replicationGroupId")}),
}


def _node_count(cache: Inputs) -> Amount:
    if cache.has("numNodeGroups"):
        return amount_of(cache, "numNodeGroups") * (amount_of(cache, "replicasPerNodeGroup", 0) + exactly(1))
    return amount_of(cache, "numCacheClusters", 1)


def _nodes(cache: Inputs, count: Amount) -> Quantity:
    kind, engine = cache.text("nodeType"), cache.text("engine", "redis")
    return Quantity(
        key="cache-nodes",
        item="cache nodes",
        skus=(f"aws:elasticache:{engine}/{kind}",),
        unit="node-hour",
        amount=always(count),
        detail=f"{count.expected} × {kind}" if count.expected is not None else kind,
    )
