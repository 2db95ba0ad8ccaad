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

    ``packages``: their names on PyPI. ``variables``: how those begin by which they find the workload's identity. ``identity``: what the workload is to have. ``may``: what that must be allowed. ``open`` takes the bucket and the prefix.
    """

    cloud: str
    form: str
    pattern: str
    packages: tuple[str, ...]
    variables: tuple[str, ...]
    identity: str
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
        identity="the task a role",
        may="the task's role must be allowed s3:GetObject there",
        open=S3,
    ),
    Kind(
        cloud="Google",
        form="gs://bucket/prefix/",
        pattern=r"gs://([^/]+)/?(.*)",
        packages=("google-cloud-storage",),
        variables=("GOOGLE_", "GCE_METADATA_", "NO_GCE_CHECK", "CLOUDSDK_", "STORAGE_EMULATOR_HOST"),
        identity="the workload a service account",
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
        identity="the workload a managed identity",
        may="the workload's identity must have the role Storage Blob Data Reader there",
        open=Blob,
    ),
)
VARIABLES = tuple(name for kind in KINDS for name in kind.variables)
FORMS = ", ".join(kind.form for kind in KINDS)


def kind_of(address: str) -> Kind | None:
    """The storage that an address leads to; None where it leads to none."""
    return next((kind for kind in KINDS if re.fullmatch(kind.pattern, address)), None)


def looks_like_one(address: str) -> bool:
    """Whether a person who wrote this meant no folder: it begins as a URL does, if with one slash."""
    return re.match(r"[A-Za-z][A-Za-z0-9+.-]*:/", address) is not None


def shown(address: str) -> str:
    """An address without what may be a secret: its query, its fragment, and a name and password before the host."""
    return re.sub(r"//[^/]*@", "//", re.split(r"[?#]", address)[0])


def fault(address: str) -> tuple[str, str]:
    """What is wrong with an address that is no folder, and what to do; two empty texts where nothing is."""
    if re.search(r"[?#]", address):
        return (
            "is followed by a query or a fragment, which is not read: neither is a SAS, for the workload's identity is used",
            "leave out what begins with ? or #",
        )
    if kind_of(address) is None:
        return "has a scheme or a host that is none of the forms", f"give a folder, or an address such as {FORMS}"
    if ".." in address.split("/"):
        return "holds '..', which leads out of its folder", "write the prefix without it"
    return "", ""


def _is_installed(name: str) -> bool:
    try:
        metadata.version(name)
    except metadata.PackageNotFoundError:
        return False
    return True
