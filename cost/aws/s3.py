"""S3: what a bucket holds and how often it is asked."""

from __future__ import annotations

from collections.abc import Iterator

from cost.preview import Resource, Side
from cost.quantity import Handler, Quantity
from cost.usage import Usage


def bucket(resource: Resource, side: Side, usage: Usage) -> Iterator[Quantity]:
    """Standard storage, and requests in thousands."""
    peers = sum(each.type == resource.type for each in side.resources.values())
    for item, key, sku, unit, size in (
        ("bucket storage", "bucket_gb", "standard", "GB-month", 1),
        ("bucket writes", "bucket_writes", "requests-write", "1k requests", 1000),
        ("bucket reads", "bucket_reads", "requests-read", "1k requests", 1000),
    ):
        amount = usage.share(key, resource.name, peers) / size
        yield Quantity(item=item, skus=(f"aws:s3:{sku}",), unit=unit, amount=amount)


TYPES: dict[str, Handler] = {
    "aws:s3/bucket:Bucket": bucket,
    "aws:s3/bucketV2:BucketV2": bucket,
}
