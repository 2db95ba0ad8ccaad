"""KMS: customer managed keys."""

from __future__ import annotations

from collections.abc import Iterator

from cost.amounts import exactly
from cost.preview import Resource, Side
from cost.quantity import Handler, Quantity
from cost.usage import Usage


def key(resource: Resource, side: Side, usage: Usage) -> Iterator[Quantity]:
    """A key by the month; the first two rotations add a key-month each, which is left out."""
    yield Quantity(item="encryption key", skus=("aws:kms:key",), unit="key-month", amount=exactly(1))
    peers = sum(each.type == resource.type for each in side.resources.values())
    amount = usage.share("kms_requests", resource.name, peers) / 10_000
    yield Quantity(item="key requests", skus=("aws:kms:requests",), unit="10k requests", amount=amount)


TYPES: dict[str, Handler] = {"aws:kms/key:Key": key, "aws:kms/replicaKey:ReplicaKey": key}
