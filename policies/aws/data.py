"""What is kept: buckets closed to the public, keys that rotate, logs that end, caches encrypted."""

from __future__ import annotations

from collections.abc import Iterator

from plan.inputs import Inputs, some
from policies.check import Check, Checks, Scene, in_turn

BUCKET = "aws:s3/bucket:Bucket"
BLOCK = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
KEY = "aws:kms/key:Key"
LOGS = "aws:cloudwatch/logGroup:LogGroup"
CACHE = "aws:elasticache/replicationGroup:ReplicationGroup"
_BLOCKS = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")


def _private_bucket(bucket: Inputs, scene: Scene) -> Iterator[str]:
    if not scene.referring(bucket, BLOCK) and not _blocked_by_name(bucket, scene):
        yield "it has no BucketPublicAccessBlock."


def _whole_block(block: Inputs, scene: Scene) -> Iterator[str]:
    yield from _not_true(block, *_BLOCKS)


def _blocked_by_name(bucket: Inputs, scene: Scene) -> bool:
    unlinked = [each for each in scene.of(BLOCK) if not each.resource.links]
    return bucket.has("bucket") and some(unlinked, lambda each: each.text("bucket") == bucket.text("bucket"))


def _rotates(key: Inputs, scene: Scene) -> Iterator[str]:
    # AWS rotates symmetric keys only.
    symmetric = key.text("customerMasterKeySpec", "SYMMETRIC_DEFAULT") == "SYMMETRIC_DEFAULT"
    if symmetric and not key.flag("enableKeyRotation"):
        yield "enableKeyRotation is not true."


def _log_retention(logs: Inputs, scene: Scene) -> Iterator[str]:
    days, most = logs.whole("retentionInDays"), scene.context.allowed.log_retention_days
    if not days:
        yield "retentionInDays is not set, so logs are kept, and billed, for ever."
    elif days > most:
        yield f"retentionInDays is {days}; at most {most} are allowed."


def _encrypted_cache(cache: Inputs, scene: Scene) -> Iterator[str]:
    yield from _not_true(cache, "transitEncryptionEnabled", "atRestEncryptionEnabled")


def _not_true(resource: Inputs, *fields: str) -> Iterator[str]:
    """A sentence for each field that is certainly not true. Raises NotKnown at the end."""
    yield from in_turn(fields, lambda each: iter(() if resource.flag(each) else (f"{each} is not true.",)))


CHECKS: Checks = {
    "no-public-bucket": {
        BUCKET: Check(judge=_private_bucket, reads=("bucket",), peers={BLOCK: ("bucket",)}),
        BLOCK: Check(judge=_whole_block, reads=_BLOCKS),
    },
    "key-rotation": {KEY: Check(judge=_rotates, reads=("customerMasterKeySpec", "enableKeyRotation"))},
    "log-retention": {LOGS: Check(judge=_log_retention, reads=("retentionInDays",))},
    "encrypted-cache": {
        CACHE: Check(judge=_encrypted_cache, reads=("atRestEncryptionEnabled", "transitEncryptionEnabled"))
    },
}
