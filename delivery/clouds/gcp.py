"""Google Cloud as the commands know it."""

from __future__ import annotations

from delivery.clouds.support import CloudSupport

SUPPORT = CloudSupport(name="gcp", package="pulumi-gcp")
