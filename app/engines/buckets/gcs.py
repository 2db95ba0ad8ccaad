"""Google Cloud Storage, with the service account that the workload has."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from app.engines.buckets.bucket import BucketError

# Google's own transfer manager tells nobody how far it is. A part is held in memory, so that 128 MB are at most.
_PART = 16 * 2**20
_AT_ONCE = 8
_RETRIED_S = 30.0


class Gcs:
    def __init__(self, place: str, prefix: str) -> None:
        from google.cloud import storage  # 1 s, and only where weights come from there
        from google.cloud.storage.retry import DEFAULT_RETRY

        # Its own two minutes are longer than whoever watches this takes for a start that failed.
        self._retry = DEFAULT_RETRY.with_timeout(_RETRIED_S)
        with _told(""):
            self._bucket = storage.Client(project=None).bucket(place)
        self._prefix = prefix

    def read(self, name: str) -> bytes:
        with _told(name):
            content: bytes = self._bucket.blob(self._prefix + name).download_as_bytes(retry=self._retry)
        return content

    def download(self, name: str, path: Path, size: int, add: Callable[[int], object]) -> None:
        blob = self._bucket.blob(self._prefix + name)

        def part(begin: int) -> None:
            # Checked as a whole, by whoever asks for it: of a part Google tells no checksum.
            content = blob.download_as_bytes(
                start=begin, end=begin + _PART - 1, raw_download=True, checksum=None, retry=self._retry
            )
            os.pwrite(handle.fileno(), content, begin)
            add(len(content))

        with _told(name), path.open("xb") as handle, ThreadPoolExecutor(_AT_ONCE) as pool:
            parts = [pool.submit(part, begin) for begin in range(0, size, _PART)]
            try:
                for each in parts:
                    each.result()
            finally:
                pool.shutdown(cancel_futures=True)


@contextmanager
def _told(name: str) -> Iterator[None]:
    from google.api_core.exceptions import GoogleAPICallError, GoogleAPIError
    from google.auth.exceptions import DefaultCredentialsError, GoogleAuthError
    from google.cloud.storage.exceptions import DataCorruption

    try:
        yield
    except GoogleAPICallError as error:
        is_absent = error.code == 404 and "bucket does not exist" not in error.message
        raise BucketError(error.message, name if is_absent else "") from None
    except DefaultCredentialsError as error:
        raise BucketError(str(error), asked=False) from None
    except (GoogleAPIError, GoogleAuthError, DataCorruption) as error:
        raise BucketError(str(error)) from None
