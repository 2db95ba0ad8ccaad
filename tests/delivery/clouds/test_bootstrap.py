"""`bootstrap aws` against moto on a real socket: says what it would do, does it once, corrects what was changed."""

from __future__ import annotations

import json

import pytest

from delivery.bootstrap import bootstrap
from delivery.clouds.aws_clients import client
from delivery.clouds.aws_state import ALIAS
from delivery.failure import ExitCode, Failure
from tests.delivery.aws import aws  # noqa: F401  a fixture

BUCKET = "trimaran-state-123456789012-us-east-1"
PARTS = 7

pytestmark = pytest.mark.usefixtures("aws")


def states(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """What the table says of each part."""
    lines = capsys.readouterr().out.splitlines()[1 : PARTS + 1]
    return [line.split("  ")[-1].strip() for line in lines]


def test_without_yes_nothing_is_made(capsys: pytest.CaptureFixture[str]) -> None:
    """A person sees first what it is about to do in their account."""
    bootstrap("aws", "us-east-1", "", yes=False)

    assert states(capsys) == ["would be made"] * PARTS
    assert client("s3", "us-east-1").list_buckets()["Buckets"] == []
    assert client("kms", "us-east-1").list_keys()["Keys"] == []


def test_what_is_made_is_closed_versioned_and_encrypted(capsys: pytest.CaptureFixture[str]) -> None:
    """State holds everything about a stack, secrets too."""
    bootstrap("aws", "us-east-1", "", yes=True)
    s3, kms = client("s3", "us-east-1"), client("kms", "us-east-1")
    key = kms.describe_key(KeyId=ALIAS)["KeyMetadata"]["Arn"]
    encryption = s3.get_bucket_encryption(Bucket=BUCKET)["ServerSideEncryptionConfiguration"]["Rules"][0]

    assert states(capsys) == ["made"] * PARTS
    assert kms.get_key_rotation_status(KeyId=key)["KeyRotationEnabled"]
    assert encryption["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}
    assert s3.get_bucket_versioning(Bucket=BUCKET)["Status"] == "Enabled"
    assert all(s3.get_public_access_block(Bucket=BUCKET)["PublicAccessBlockConfiguration"].values())
    statement = json.loads(s3.get_bucket_policy(Bucket=BUCKET)["Policy"])["Statement"][0]
    assert (statement["Effect"], statement["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})


@pytest.mark.parametrize(("named", "region"), [("eu-west-1", "eu-west-1"), ("", "us-east-1")])
def test_the_next_two_commands_are_printed(named: str, region: str, capsys: pytest.CaptureFixture[str]) -> None:
    """They are data: a script can run them. Without a region they are for the cloud's usual one."""
    bootstrap("aws", named, "", yes=True)

    assert capsys.readouterr().out.splitlines()[-2:] == [
        f"./trimaran pulumi login 's3://trimaran-state-123456789012-{region}?region={region}&awssdk=v2'",
        "./trimaran pulumi stack init aws-foundation-dev --no-select"
        f" --secrets-provider 'awskms:///alias/trimaran/state?region={region}'",
    ]


def test_a_second_time_changes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """It can be run by everybody who is not sure."""
    bootstrap("aws", "us-east-1", "", yes=True)
    keys = client("kms", "us-east-1").list_keys()["Keys"]
    capsys.readouterr()

    bootstrap("aws", "us-east-1", "", yes=True)

    assert states(capsys) == ["there"] * PARTS
    assert client("kms", "us-east-1").list_keys()["Keys"] == keys


def test_what_somebody_changed_is_corrected(capsys: pytest.CaptureFixture[str]) -> None:
    """Versions switched off and the policy removed: exactly these are made again."""
    bootstrap("aws", "us-east-1", "", yes=True)
    s3 = client("s3", "us-east-1")
    s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Suspended"})
    s3.delete_bucket_policy(Bucket=BUCKET)
    capsys.readouterr()

    bootstrap("aws", "us-east-1", "", yes=True)

    assert states(capsys) == ["there", "there", "there", "there", "made", "there", "made"]


@pytest.mark.parametrize("cloud", ["gcp", "nowhere"])
def test_another_cloud_is_refused(cloud: str) -> None:
    """One sentence and the command that works."""
    with pytest.raises(Failure, match=f"no bootstrap for '{cloud}'") as raised:
        bootstrap(cloud, "us-east-1", "", yes=False)

    assert (raised.value.hint, raised.value.exit_code) == ("./trimaran bootstrap aws", ExitCode.USAGE)


def test_without_credentials_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not boto3's traceback."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")

    with pytest.raises(Failure, match="there are no credentials for AWS"):
        bootstrap("aws", "us-east-1", "", yes=False)
