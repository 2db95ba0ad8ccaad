"""Azure Blob Storage, with the managed identity that the workload has."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

from app.engines.buckets.bucket import BucketError

_PART = 16 * 2**20
_AT_ONCE = 8


class Blob:
    def __init__(self, place: str, prefix: str) -> None:
        from azure.identity import DefaultAzureCredential  # with the next 1 s, and only where weights come from there
        from azure.storage.blob import ContainerClient

        self._container = ContainerClient.from_container_url(
            f"https://{place}",
            DefaultAzureCredential(),
            max_single_get_size=_PART,
            max_chunk_get_size=_PART,
            initial_backoff=1,  # its own 15 s are longer than whoever watches this waits before a new try
        )
        self._prefix = prefix

    def read(self, name: str) -> bytes:
        with _told(name):
            content: bytes = self._container.download_blob(self._prefix + name).readall()
        return content

    def download(self, name: str, path: Path, size: int, add: Callable[[int], object]) -> None:
        del size  # the first answer says it
        so_far, one_by_one = 0, Lock()

        def told(done: int, _: int | None) -> None:  # by several threads, and not in order
            nonlocal so_far
            with one_by_one:
                if done > so_far:
                    add(done - so_far)
                    so_far = done

        with _told(name), path.open("xb") as handle:
            self._container.download_blob(self._prefix + name, max_concurrency=_AT_ONCE, progress_hook=told).readinto(
                handle
            )


@contextmanager
def _told(name: str) -> Iterator[None]:
    from azure.core.exceptions import AzureError, ClientAuthenticationError, HttpResponseError

    try:
        yield
    except HttpResponseError as error:
        first = error.message.strip().partition("\n")[0]
        if isinstance(error, ClientAuthenticationError) and error.response is None:  # the identity's, not the storage's
            raise BucketError(first, asked=False) from None
        code = getattr(error, "error_code", None)
        code = str(getattr(code, "value", code) or first)
        raise BucketError(code, name if code == "BlobNotFound" else "") from None
    except AzureError as error:
        raise BucketError(error.message) from None
