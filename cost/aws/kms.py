"""KMS: customer managed keys."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from cost.amounts import exactly
from cost.quantity import Billed, Quantity
from cost.usage import Usage
from plan.inputs import Inputs
from plan.scope import Scope

_KEYS = ("aws:kms/key:Key", "aws:kms/replicaKey:ReplicaKey")


def key(resource: Inputs, scope: Scope, usage: Usage) -> Iterator[Quantity]:
    """A key by the month; the first two rotations add a key-month each, which is left out."""
    yield Quantity(
        key="encryption-key", item="encryption key", skus=("aws:kms:key",), unit="key-month", amount=exactly(1)
    )
    peers = sum(len(scope.of(each)) for each in _KEYS)
    amount = usage.share("kms_requests", resource.name, peers) / 10_000
    yield Quantity(
        key="key-requests", item="key requests", skus=("aws:kms:requests",), unit="10k requests", amount=amount
    )


_KEY = Billed(handler=key, usage_keys=("kms_requests",))

BILLED: Mapping[str, Billed] = dict.fromkeys(_KEYS, _KEY)
