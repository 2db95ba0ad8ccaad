"""All of AWS in one place: its checks, what is declared harmless, what it says of spending."""

from __future__ import annotations

from policies.aws import (
    data,
    deployment,
    gpus,
    harmless,
    identity,
    images,
    machines,
    models,
    network,
    probes,
    scaling,
    spending,
)
from policies.check import Checks

CHECKS: tuple[Checks, ...] = (
    scaling.CHECKS,
    gpus.CHECKS,
    deployment.CHECKS,
    probes.CHECKS,
    images.CHECKS,
    identity.CHECKS,
    network.CHECKS,
    machines.CHECKS,
    data.CHECKS,
    models.CHECKS,
    spending.CHECKS,
)
HARMLESS = harmless.HARMLESS
SPENDING = spending.SPENDING
