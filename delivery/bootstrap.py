"""`bootstrap aws`: the bucket that keeps the stacks' state and the key that encrypts their secrets, made once for an account.

Without `--yes` it only says what it would do. It can be run again at any time: what is there stays, what differs is corrected.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from delivery.clouds.aws import client, error_code, told
from delivery.failure import ExitCode, Failure
from delivery.terminal import data, say, table

ALIAS = "alias/trimaran/state"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One thing that must be so: whether it is, and how to make it so."""

    name: str
    is_there: Callable[[], bool]
    make: Callable[[], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """The account, and clients for what is made in it. `bucket` keeps the state."""

    account: str
    region: str
    bucket: str
    s3: Any
    kms: Any


def bootstrap(cloud: str, region: str, bucket: str, *, yes: bool) -> None:
    """Make, or without `yes` announce, what is missing; print the two commands that come next. Raises Failure."""
    if cloud != "aws":
        raise Failure(f"there is no bootstrap for '{cloud}'.", "./trimaran bootstrap aws", ExitCode.USAGE)
    account = _account(region, bucket)
    rows, missing = [], 0
    for part in _parts(account):
        with told(part.name):
            there = part.is_there()
            if not there and yes:
                part.make()
        missing += not there
        rows.append((part.name, "there" if there else "made" if yes else "would be made"))
    table(("part", "state"), rows)
    if missing and not yes:
        say("\nnothing was changed; make it with: ./trimaran bootstrap aws --yes")
        return
    say("\nnext:")
    data(f"./trimaran pulumi login 's3://{account.bucket}?region={region}&awssdk=v2'")
    data(
        "./trimaran pulumi stack init aws-foundation-dev --no-select"
        f" --secrets-provider 'awskms:///{ALIAS}?region={region}'"
    )


def _account(region: str, bucket: str) -> Account:
    with told("who you are"):
        account = str(client("sts", region).get_caller_identity()["Account"])
    return Account(
        account=account,
        region=region,
        bucket=bucket or f"trimaran-state-{account}-{region}",
        s3=client("s3", region),
        kms=client("kms", region),
    )


def _parts(account: Account) -> list[Part]:
    """In the order in which they need each other."""
    s3, bucket = account.s3, {"Bucket": account.bucket}
    return [
        Part(name=f"key {ALIAS}", is_there=lambda: _key(account) is not None, make=lambda: _make_key(account)),
        Part(name="yearly rotation of the key", is_there=lambda: _rotates(account), make=lambda: _rotate(account)),
        Part(
            name=f"bucket {account.bucket}", is_there=lambda: _has_bucket(account), make=lambda: _make_bucket(account)
        ),
        Part(
            name="no public access",
            is_there=lambda: _asked(s3.get_public_access_block, bucket, "PublicAccessBlockConfiguration") == _CLOSED,
            make=lambda: s3.put_public_access_block(**bucket, PublicAccessBlockConfiguration=_CLOSED),
        ),
        Part(
            name="versions of the state",
            is_there=lambda: _asked(s3.get_bucket_versioning, bucket, "Status") == "Enabled",
            make=lambda: s3.put_bucket_versioning(**bucket, VersioningConfiguration={"Status": "Enabled"}),
        ),
        Part(
            name="encryption with the key",
            is_there=lambda: _encrypted_with(account) == _key(account) is not None,
            make=lambda: _encrypt(account),
        ),
        Part(
            name="TLS only",
            is_there=lambda: _policy(account) == _tls_only(account.bucket),
            make=lambda: s3.put_bucket_policy(**bucket, Policy=json.dumps(_tls_only(account.bucket))),
        ),
    ]


_CLOSED = {
    "BlockPublicAcls": True,
    "IgnorePublicAcls": True,
    "BlockPublicPolicy": True,
    "RestrictPublicBuckets": True,
}


def _tls_only(bucket: str) -> dict[str, Any]:
    statement = {
        "Sid": "TlsOnly",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    return {"Version": "2012-10-17", "Statement": [statement]}


def _key(account: Account) -> str | None:
    """The ARN of the key behind the alias; None where there is none."""
    try:
        return str(account.kms.describe_key(KeyId=ALIAS)["KeyMetadata"]["Arn"])
    except account.kms.exceptions.NotFoundException:
        return None


def _make_key(account: Account) -> None:
    made = account.kms.create_key(Description="Secrets and state of Trimaran's stacks")["KeyMetadata"]["KeyId"]
    account.kms.create_alias(AliasName=ALIAS, TargetKeyId=made)


def _rotates(account: Account) -> bool:
    key = _key(account)
    return key is not None and bool(account.kms.get_key_rotation_status(KeyId=key)["KeyRotationEnabled"])


def _rotate(account: Account) -> None:
    account.kms.enable_key_rotation(KeyId=_key(account))


def _has_bucket(account: Account) -> bool:
    from botocore.exceptions import ClientError

    try:
        account.s3.head_bucket(Bucket=account.bucket, ExpectedBucketOwner=account.account)
    except ClientError as error:
        if error_code(error) in ("404", "NoSuchBucket"):
            return False
        if error_code(error) in ("403", "AccessDenied"):
            raise Failure(
                f"the bucket {account.bucket} belongs to somebody else, or is closed to you.",
                "./trimaran bootstrap aws --bucket <another name>",
            ) from None
        raise
    return True


def _make_bucket(account: Account) -> None:
    # S3 takes no location for its oldest region.
    elsewhere = account.region != "us-east-1"
    where = {"CreateBucketConfiguration": {"LocationConstraint": account.region}} if elsewhere else {}
    account.s3.create_bucket(Bucket=account.bucket, **where)


def _encrypted_with(account: Account) -> str | None:
    found = _asked(account.s3.get_bucket_encryption, {"Bucket": account.bucket}, "ServerSideEncryptionConfiguration")
    rules = (found or {}).get("Rules") or [{}]
    key: str | None = rules[0].get("ApplyServerSideEncryptionByDefault", {}).get("KMSMasterKeyID")
    return key


def _encrypt(account: Account) -> None:
    default = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": _key(account)}
    rule = {"ApplyServerSideEncryptionByDefault": default, "BucketKeyEnabled": True}
    account.s3.put_bucket_encryption(Bucket=account.bucket, ServerSideEncryptionConfiguration={"Rules": [rule]})


def _policy(account: Account) -> Any:
    return json.loads(_asked(account.s3.get_bucket_policy, {"Bucket": account.bucket}, "Policy") or "null")


def _asked(ask: Callable[..., Any], bucket: dict[str, str], key: str) -> Any:
    """One setting of the bucket; None where it, or the bucket itself, is not there."""
    from botocore.exceptions import ClientError

    try:
        return ask(**bucket).get(key)
    except ClientError as error:
        if error_code(error).startswith(("NoSuch", "ServerSideEncryptionConfigurationNotFound")):
            return None
        raise
