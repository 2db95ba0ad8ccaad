"""Buckets that are private, encrypted, versioned and reached through TLS alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from stacks.aws.account import Account
from stacks.aws.documents import document


@dataclass(frozen=True, slots=True, kw_only=True)
class BucketArgs:
    """`key` encrypts; None is S3's own key, the only one that load balancers can write with. `expire_days`: 0 keeps all."""

    account: Account
    bucket: str
    key: pulumi.Input[str] | None
    expire_days: int = 0
    takes_access_logs: bool = False


class Bucket(pulumi.ComponentResource):
    """A bucket with all that makes it safe."""

    def __init__(self, resource_name: str, args: BucketArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("trimaran:aws:Bucket", resource_name, {}, opts)
        self._child = pulumi.ResourceOptions(parent=self)
        bucket = aws.s3.Bucket(
            resource_name, bucket=args.bucket, force_destroy=not args.account.is_prod, opts=self._child
        )
        closed = aws.s3.BucketPublicAccessBlock(
            resource_name,
            bucket=bucket.id,
            block_public_acls=True,
            block_public_policy=True,
            ignore_public_acls=True,
            restrict_public_buckets=True,
            opts=self._child,
        )
        self._encrypt(resource_name, bucket, args.key)
        aws.s3.BucketVersioning(
            resource_name, bucket=bucket.id, versioning_configuration={"status": "Enabled"}, opts=self._child
        )
        self._expire(resource_name, bucket, args.expire_days)
        aws.s3.BucketPolicy(
            resource_name,
            bucket=bucket.id,
            policy=document(statements(args)),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[closed]),
        )
        self.bucket: pulumi.Output[str] = bucket.bucket
        self.register_outputs({"bucket": self.bucket})

    def _encrypt(self, label: str, bucket: aws.s3.Bucket, key: pulumi.Input[str] | None) -> None:
        by_default = (
            {"sse_algorithm": "AES256"} if key is None else {"sse_algorithm": "aws:kms", "kms_master_key_id": key}
        )
        aws.s3.BucketServerSideEncryptionConfiguration(
            label,
            bucket=bucket.id,
            rules=[{"apply_server_side_encryption_by_default": by_default, "bucket_key_enabled": key is not None}],
            opts=self._child,
        )

    def _expire(self, label: str, bucket: aws.s3.Bucket, days: int) -> None:
        """Old versions and half uploads go; with `days` everything does."""
        rule: dict[str, Any] = {
            "id": "expire",
            "status": "Enabled",
            "filter": {"prefix": ""},
            "abort_incomplete_multipart_upload": {"days_after_initiation": 7},
            "noncurrent_version_expiration": {"noncurrent_days": days or 30},
        }
        if days:
            rule["expiration"] = {"days": days}
        aws.s3.BucketLifecycleConfiguration(label, bucket=bucket.id, rules=[rule], opts=self._child)


def statements(args: BucketArgs) -> list[dict[str, Any]]:
    """Nobody without TLS; load balancers of this account write their logs where that is what the bucket is for."""
    everything = [args.account.bucket_arn(args.bucket), args.account.bucket_arn(args.bucket, "/*")]
    found: list[dict[str, Any]] = [
        {
            "Sid": "TlsOnly",
            "Effect": "Deny",
            "Principal": "*",
            "Action": ["s3:*"],
            "Resource": everything,
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        }
    ]
    if args.takes_access_logs:
        source = args.account.arn("elasticloadbalancing", "loadbalancer/*")
        found.append(
            {
                "Sid": "AccessLogs",
                "Effect": "Allow",
                "Principal": {"Service": "logdelivery.elasticloadbalancing.amazonaws.com"},
                "Action": ["s3:PutObject"],
                "Resource": args.account.bucket_arn(args.bucket, "/*"),
                "Condition": {"ArnLike": {"aws:SourceArn": source}},
            }
        )
    return found
