"""Secrets and parameters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from cost.amounts import exactly
from cost.quantity import Billed, Quantity
from cost.usage import Usage
from plan.inputs import Inputs
from plan.scope import Scope

PARAMETER = "aws:ssm/parameter:Parameter"


def parameter(resource: Inputs, scope: Scope, usage: Usage) -> Iterator[Quantity]:
    """A parameter of the standard tier is free, an advanced one is billed by the month."""
    if resource.text("tier", "Standard") != "Standard":
        yield Quantity(
            key="advanced-parameter",
            item="advanced parameter",
            skus=("aws:ssm:parameter-advanced",),
            unit="parameter-month",
            amount=exactly(1),
        )


def secret(resource: Inputs, scope: Scope, usage: Usage) -> Iterator[Quantity]:
    """A secret by the month and by how often it is read."""
    yield Quantity(
        key="secret", item="secret", skus=("aws:secretsmanager:secret",), unit="secret-month", amount=exactly(1)
    )
    peers = len(scope.of(resource.type))
    amount = usage.share("secret_requests", resource.name, peers) / 10_000
    yield Quantity(
        key="secret-reads",
        item="secret reads",
        skus=("aws:secretsmanager:requests",),
        unit="10k requests",
        amount=amount,
    )


BILLED: Mapping[str, Billed] = {
    PARAMETER: Billed(handler=parameter, reads={PARAMETER: ("tier",)}),
    "aws:secretsmanager/secret:Secret": Billed(handler=secret, usage_keys=("secret_requests",)),
}
