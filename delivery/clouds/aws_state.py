"""The home of the stacks' state in an account of AWS: a bucket for the state and a key for the secrets."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from delivery.clouds.aws_clients import client, error_code, told
from delivery.clouds.support import Part, StateHome
from delivery.failure import Failure

ALIAS = "alias/trimaran/state"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Home:
    """Where the state has its home: account, region, the `bucket` that keeps it, and clients for what is made there."""

    account: str
    region: str
    bucket: str
    s3: Any
    kms: Any


def state_home(region: str, bucket: str) -> StateHome:
    """The home in a region; a bucket that is not named is called after the account and the region. Raises Failure."""
    with told("who you are"):
        account = str(client("sts", region).get_caller_identity()["Account"])
    name = bucket or f"trimaran-state-{account}-{region}"
    home = _Home(account=account, region=region, bucket=name, s3=client("s3", region), kms=client("kms", region))
    return StateHome(
        parts=_parts(home),
        next_commands=(
            f"./trimaran pulumi login 's3://{name}?region={region}&awssdk=v2'",
            "./trimaran pulumi stack init aws-foundation-dev --no-select"
            f" --secrets-provider 'awskms:///{ALIAS}?region={region}'",
        ),
    )


def _parts(home: _Home) -> tuple[Part, ...]:
    """The parts of the home, each behind those that it needs."""
    s3, bucket = home.s3, {"Bucket": home.bucket}
    return (
        _part(name=f"key {ALIAS}", is_there=lambda: _key(home) is not None, make=lambda: _make_key(home)),
        _part(name="yearly rotation of the key", is_there=lambda: _rotates(home), make=lambda: _rotate(home)),
        _part(name=f"bucket {home.bucket}", is_there=lambda: _has_bucket(home), make=lambda: _make_bucket(home)),
        _part(
            name="no public access",
            is_there=lambda: _asked(s3.get_public_access_block, bucket, "PublicAccessBlockConfiguration") == _CLOSED,
            make=lambda: s3.put_public_access_block(**bucket, PublicAccessBlockConfiguration=_CLOSED),
        ),
        _part(
            name="versions of the state",
            is_there=lambda: _asked(s3.get_bucket_versioning, bucket, "Status") == "Enabled",
            make=lambda: s3.put_bucket_versioning(**bucket, VersioningConfiguration={"Status": "Enabled"}),
        ),
        _part(
            name="encryption with the key",
            is_there=lambda: _encrypted_with(home) == _key(home) is not None,
            make=lambda: _encrypt(home),
        ),
        _part(
            name="TLS only",
            is_there=lambda: _policy(home) == _tls_only(home.bucket),
            make=lambda: s3.put_bucket_policy(**bucket, Policy=json.dumps(_tls_only(home.bucket))),
        ),
    )


_CLOSED = {
    "BlockPublicAcls": True,
    "IgnorePublicAcls": True,
    "BlockPublicPolicy": True,
    "RestrictPublicBuckets": True,
}


def _part(*, name: str, is_there: Callable[[], bool], make: Callable[[], object]) -> Part:
    """A part whose refusals by AWS are told in a sentence."""

    def looked() -> bool:
        with told(name):
            return is_there()

    def made() -> None:
        with told(name):
            make()

    return Part(name=name, is_there=looked, make=made)


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


def _key(home: _Home) -> str | None:
    """The ARN of the key behind the alias; None where there is none."""
    try:
        return str(home.kms.describe_key(KeyId=ALIAS)["KeyMetadata"]["Arn"])
    except home.kms.exceptions.NotFoundException:
        return None


def _make_key(home: _Home) -> None:
    made = home.kms.create_key(Description="Secrets and state of Trimaran's stacks")["KeyMetadata"]["KeyId"]
    home.kms.create_alias(AliasName=ALIAS, TargetKeyId=made)


def _rotates(home: _Home) -> bool:
    key = _key(home)
    return key is not None and bool(home.kms.get_key_rotation_status(KeyId=key)["KeyRotationEnabled"])


def _rotate(home: _Home) -> None:
    home.kms.enable_key_rotation(KeyId=_key(home))


def _has_bucket(home: _Home) -> bool:
    from botocore.exceptions import ClientError

    try:
        home.s3.head_bucket(Bucket=home.bucket, ExpectedBucketOwner=home.account)
    except ClientError as error:
        if error_code(error) in ("404", "NoSuchBucket"):
            return False
        if error_code(error) in ("403", "AccessDenied"):
            raise Failure(
                f"the bucket {home.bucket} belongs to somebody else, or is closed to you.",
                "./trimaran bootstrap aws --bucket <another name>",
            ) from None
        raise
    return True


def _make_bucket(home: _Home) -> None:
    # S3 takes no location for its oldest region.
    elsewhere = home.region != "us-east-1"
    where = {"CreateBucketConfiguration": {"LocationConstraint": home.region}} if elsewhere else {}
    home.s3.create_bucket(Bucket=home.bucket, **where)


def _encrypted_with(home: _Home) -> str | None:
    found = _asked(home.s3.get_bucket_encryption, {"Bucket": home.bucket}, "ServerSideEncryptionConfiguration")
    rules = (found or {}).get("Rules") or [{}]
    key: str | None = rules[0].get("ApplyServerSideEncryptionByDefault", {}).get("KMSMasterKeyID")
    return key


def _encrypt(home: _Home) -> None:
    default = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": _key(home)}
    rule = {"ApplyServerSideEncryptionByDefault": default, "BucketKeyEnabled": True}
    home.s3.put_bucket_encryption(Bucket=home.bucket, ServerSideEncryptionConfiguration={"Rules": [rule]})


def _policy(home: _Home) -> Any:
    return json.loads(_asked(home.s3.get_bucket_policy, {"Bucket": home.bucket}, "Policy") or "null")


def _asked(ask: Callable[..., Any], bucket: dict[str, str], key: str) -> Any:
    """One setting of the bucket; None where it, or the bucket itself, is not there."""
    from botocore.exceptions import ClientError

    try:
        return ask(**bucket).get(key)
    except ClientError as error:
        if error_code(error).startswith(("NoSuch", "ServerSideEncryptionConfigurationNotFound")):
            return None
        raise
