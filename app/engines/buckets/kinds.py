"""The one list of object storages: by which address each is known, and what it takes to read there. A new one is a file and a row."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata

from app.engines.buckets.blob import Blob
from app.engines.buckets.bucket import Bucket
from app.engines.buckets.gcs import Gcs
from app.engines.buckets.s3 import S3


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """``form``: an address, as a person is shown it. ``pattern``: the same, with the bucket in its first group and the prefix in its second.

    ``packages``: their names on PyPI. ``variables``: how those begin by which they find the workload's identity. ``may``: what the workload's identity must be allowed. ``open`` takes the bucket and the prefix.
    """

    cloud: str
    form: str
    pattern: str
    packages: tuple[str, ...]
    variables: tuple[str, ...]
    may: str
    open: Callable[[str, str], Bucket]

    def missing(self) -> list[str]:
        """The packages that are not installed."""
        return [name for name in self.packages if not _is_installed(name)]

    def split(self, address: str) -> tuple[str, str]:
        """The bucket, and the prefix with its slash; empty for the whole bucket."""
        found = re.fullmatch(self.pattern, address)
        assert found is not None, "whoever has a kind has it by its address"
        prefix = found[2].strip("/")
        return found[1], f"{prefix}/" if prefix else ""


KINDS = (
    Kind(
        cloud="AWS",
        form="s3://bucket/prefix/",
        pattern=r"s3://([^/]+)/?(.*)",
        packages=("boto3",),
        variables=("AWS_",),
        may="the task's role must be allowed s3:GetObject there",
        open=S3,
    ),
    Kind(
        cloud="Google",
        form="gs://bucket/prefix/",
        pattern=r"gs://([^/]+)/?(.*)",
        packages=("google-cloud-storage",),
        variables=("GOOGLE_", "GCE_METADATA_", "NO_GCE_CHECK", "CLOUDSDK_", "STORAGE_EMULATOR_HOST"),
        may="the workload's service account must be allowed storage.objects.get there (roles/storage.objectViewer)",
        open=Gcs,
    ),
    Kind(
        cloud="Azure",
        form="https://ACCOUNT.blob.core.windows.net/container/prefix/",
        # The identity's token goes to this host, so it is Azure's own and no other.
        pattern=r"https://([a-z0-9]{3,24}\.blob\.core\.windows\.net/[^/]+)/?(.*)",
        packages=("azure-storage-blob", "azure-identity"),
        variables=("AZURE_", "IDENTITY_", "MSI_"),
        may="the workload's identity must have the role Storage Blob Data Reader there",
        open=Blob,
    ),
)
VARIABLES = tuple(name for kind in KINDS for name in kind.variables)
FORMS = ", ".join(kind.form for kind in KINDS)


def kind_of(address: str) -> Kind | None:
    """The storage that an address leads to; None where it leads to none."""
    return next((kind for kind in KINDS if re.fullmatch(kind.pattern, address)), None)


def _is_installed(name: str) -> bool:
    try:
        metadata.version(name)
    except metadata.PackageNotFoundError:
        return False
    return True
