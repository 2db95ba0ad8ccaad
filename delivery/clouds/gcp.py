"""Google Cloud as the commands know it."""

from __future__ import annotations

from delivery.clouds.account import Account

ACCOUNT = Account(name="gcp", package="pulumi-gcp")
