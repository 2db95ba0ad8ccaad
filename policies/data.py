"""What is kept: buckets closed to the public, keys that rotate, logs that end, caches encrypted."""

from __future__ import annotations

from collections.abc import Iterator

from policies.planned import Resource
from policies.rule import ALWAYS, TOLD_IN_DEV, Rule, Scene, Severity

BUCKET = "aws:s3/bucket:Bucket"
BLOCK = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
KEY = "aws:kms/key:Key"
LOGS = "aws:cloudwatch/logGroup:LogGroup"
CACHE = "aws:elasticache/replicationGroup:ReplicationGroup"
_BLOCKS = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")


def _private_bucket(resource: Resource, scene: Scene) -> Iterator[str]:
    if resource.type == BLOCK:
        open_ = [each for each in _BLOCKS if not resource.flag(each)]
        if open_:
            yield f"{', '.join(open_)} {'is' if len(open_) == 1 else 'are'} not true."
    elif not scene.referring(resource, BLOCK) and not _blocked_by_name(resource, scene):
        yield "it has no BucketPublicAccessBlock."


def _blocked_by_name(bucket: Resource, scene: Scene) -> bool:
    return bucket.has("bucket") and any(
        each.text("bucket") == bucket.text("bucket") for each in scene.of(BLOCK) if not each.planned.links
    )


def _rotates(key: Resource, scene: Scene) -> Iterator[str]:
    # AWS rotates symmetric keys only.
    symmetric = key.text("customerMasterKeySpec", "SYMMETRIC_DEFAULT") == "SYMMETRIC_DEFAULT"
    if symmetric and not key.flag("enableKeyRotation"):
        yield "enableKeyRotation is not true."


def _log_retention(logs: Resource, scene: Scene) -> Iterator[str]:
    days, most = logs.whole("retentionInDays"), scene.context.allowed.log_retention_days
    if not days:
        yield "retentionInDays is not set, so logs are kept, and billed, for ever."
    elif days > most:
        yield f"retentionInDays is {days}; at most {most} are allowed."


def _encrypted_cache(cache: Resource, scene: Scene) -> Iterator[str]:
    for field in ("transitEncryptionEnabled", "atRestEncryptionEnabled"):
        if not cache.flag(field):
            yield f"{field} is not true."


RULES = (
    Rule(
        id="no-public-bucket",
        title="No bucket can be made public.",
        why="One policy or one object's ACL opens a bucket to everybody. The block makes both without effect.",
        severity=Severity.CRITICAL,
        enforcement=ALWAYS,
        types=(BUCKET, BLOCK),
        reads={BUCKET: ("bucket",), BLOCK: (*_BLOCKS, "bucket")},
        remedy="Give the bucket a BucketPublicAccessBlock with all four of its settings true.",
        check=_private_bucket,
        among_peers=True,
    ),
    Rule(
        id="key-rotation",
        title="Keys are rotated every year.",
        why="A key that leaked unnoticed then opens one year's data, not all.",
        severity=Severity.MEDIUM,
        enforcement=TOLD_IN_DEV,
        types=(KEY,),
        reads={KEY: ("customerMasterKeySpec", "enableKeyRotation")},
        remedy="Set enableKeyRotation to true.",
        check=_rotates,
    ),
    Rule(
        id="log-retention",
        title="Logs are kept for a limited time.",
        why="Logs are personal data and are billed by the gigabyte for as long as they exist.",
        severity=Severity.MEDIUM,
        enforcement=ALWAYS,
        types=(LOGS,),
        reads={LOGS: ("retentionInDays",)},
        remedy="Set retentionInDays, at most to logRetentionDays in policies/allowed.yaml.",
        check=_log_retention,
    ),
    Rule(
        id="encrypted-cache",
        title="The shared cache is encrypted on the wire and at rest.",
        why="It holds sessions, budgets and, for a while, answers.",
        severity=Severity.HIGH,
        enforcement=ALWAYS,
        types=(CACHE,),
        reads={CACHE: ("atRestEncryptionEnabled", "transitEncryptionEnabled")},
        remedy="Set transitEncryptionEnabled and atRestEncryptionEnabled to true.",
        check=_encrypted_cache,
    ),
)
