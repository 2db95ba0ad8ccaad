"""Amazon S3, with the role that the task has."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from app.engines.buckets.bucket import BucketError


class S3:
    def __init__(self, place: str, prefix: str) -> None:
        import boto3  # 0.3 s, and only where weights come from S3

        with _told(""):
            self._client = boto3.client("s3")
        self._bucket = place
        self._prefix = prefix

    def read(self, name: str) -> bytes:
        with _told(name):
            body: bytes = self._client.get_object(Bucket=self._bucket, Key=self._prefix + name)["Body"].read()
        return body

    def download(self, name: str, path: Path, size: int, add: Callable[[int], object]) -> None:
        del size  # boto3 asks for it
        with _told(name), path.open("xb") as handle:
            self._client.download_fileobj(self._bucket, self._prefix + name, handle, Callback=add)


@contextmanager
def _told(name: str) -> Iterator[None]:
    from boto3.exceptions import Boto3Error
    from botocore.exceptions import (
        BotoCoreError,
        ClientError,
        CredentialRetrievalError,
        NoCredentialsError,
        PartialCredentialsError,
    )
    from s3transfer.exceptions import RetriesExceededError

    try:
        yield
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", ""))
        raise BucketError(code, name if code in ("NoSuchKey", "404") else "") from None
    except (NoCredentialsError, PartialCredentialsError, CredentialRetrievalError) as error:
        raise BucketError(str(error), asked=False) from None
    except (BotoCoreError, Boto3Error, RetriesExceededError) as error:
        raise BucketError(str(error)) from None
