"""Clients of AWS for the commands, and the errors of AWS in sentences."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from delivery.failure import Failure


def client(service: str, region: str) -> Any:
    """A boto3 client with the user's own credentials. Raises Failure where boto3 is not installed."""
    try:
        from boto3.session import Session
        from botocore.config import Config
    except ImportError:
        raise Failure(
            "boto3 is not installed: it comes with the requirements of AWS.",
            ".venv/bin/python -m pip install --require-hashes -r requirements/aws.txt",
        ) from None
    # A session of its own: the default one keeps credentials that have changed since.
    return Session().client(service, region_name=region, config=Config(retries={"mode": "standard", "max_attempts": 5}))


@contextmanager
def told(what: str) -> Iterator[None]:
    """Turn what AWS refuses, or that nobody is logged in, into a Failure that says what was tried."""
    from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

    try:
        yield
    except NoCredentialsError:
        raise Failure(f"{what}: there are no credentials for AWS.", "aws sso login, or set AWS_PROFILE") from None
    except ClientError as error:
        code, message = error_code(error), error.response["Error"].get("Message", "")
        raise Failure(f"{what}: AWS answers {code}: {message}") from None
    except BotoCoreError as error:
        raise Failure(f"{what}: {error}") from None


def error_code(error: Any) -> str:
    """The code that AWS gives an error, such as NoSuchBucket."""
    return str(error.response["Error"].get("Code", ""))
