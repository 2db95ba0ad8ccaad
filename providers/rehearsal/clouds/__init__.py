"""The one list of packages that have files of their own here; any other is known by its SDK and its tables alone."""

from __future__ import annotations

from collections.abc import Callable

from providers.rehearsal.cloud import RehearsedCloud
from providers.rehearsal.clouds.aws.cloud import Aws
from providers.rehearsal.described_cloud import DescribedCloud

# First part of the package's type tokens -> what describes it.
CLOUDS: dict[str, Callable[[str], RehearsedCloud]] = {"aws": Aws}


def cloud_of(package: str) -> RehearsedCloud:
    """All that is known of a package. Raises ModuleNotFoundError where its SDK is not installed."""
    return CLOUDS.get(package, DescribedCloud)(package)
