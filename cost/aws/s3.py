"""S3: what a bucket holds and how often it is asked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from cost.quantity import Billed, Quantity
from cost.usage import Usage
from plan.inputs import Inputs
from plan.scope import Scope


def bucket(resource: Inputs, scope: Scope, usage: Usage) -> Iterator[Quantity]:
    """Standard storage, and requests in thousands."""
    peers = len(scope.of(resource.type))
    for what, stated, sku, unit, size in (
        ("storage", "bucket_gb", "standard", "GB-month", 1),
        ("writes", "bucket_writes", "requests-write", "1k requests", 1000),
        ("reads", "bucket_reads", "requests-read", "1k requests", 1000),
    ):
        amount = usage.share(stated, resource.name, peers) / size
        yield Quantity(key=f"bucket-{what}", item=f"bucket {what}", skus=(f"aws:s3:{sku}",), unit=unit, amount=amount)


BILLED: Mapping[str, Billed] = {
    "aws:s3/bucket:Bucket": Billed(handler=bucket, usage_keys=("bucket_gb", "bucket_writes", "bucket_reads")),
}
