"""AWS as the commands know it: the home of the stacks' state, and buckets on S3."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, BinaryIO

from delivery.clouds.aws_clients import client, error_code, told
from delivery.clouds.aws_state import state_home
from delivery.clouds.support import Bucket, CloudSupport

_ABSENT = ("404", "NoSuchKey")


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Bucket:
    """A bucket on S3, with the user's own credentials."""

    s3: Any
    name: str

    def address(self, key: str) -> str:
        return f"s3://{self.name}/{key}"

    def read(self, key: str) -> bytes | None:
        answer = self._found(self.s3.get_object, key)
        return None if answer is None else bytes(answer["Body"].read())

    def size(self, key: str) -> int | None:
        answer = self._found(self.s3.head_object, key)
        return None if answer is None else int(answer["ContentLength"])

    def write(self, key: str, content: bytes) -> None:
        with told(f"s3://{self.name}"):
            self.s3.put_object(Bucket=self.name, Key=key, Body=content)

    def upload(self, key: str, stream: BinaryIO) -> None:
        with told(f"s3://{self.name}"):
            self.s3.upload_fileobj(stream, self.name, key)

    def _found(self, ask: Any, key: str) -> Any:
        from botocore.exceptions import ClientError

        with told(f"s3://{self.name}"):
            try:
                return ask(Bucket=self.name, Key=key)
            except ClientError as error:
                if error_code(error) in _ABSENT:
                    return None
                raise


def bucket(region: str, name: str) -> Bucket:
    """A bucket that is there. Raises Failure where AWS's SDK is not installed."""
    return S3Bucket(s3=client("s3", region), name=name)


SUPPORT = CloudSupport(name="aws", package="pulumi-aws", state_home=state_home, bucket=bucket)
