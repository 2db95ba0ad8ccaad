"""Secrets and parameters."""

from __future__ import annotations

from collections.abc import Iterator

from cost.amounts import exactly
from cost.preview import Resource, Side
from cost.quantity import Handler, Quantity
from cost.usage import Usage


def parameter(resource: Resource, side: Side, usage: Usage) -> Iterator[Quantity]:
    """A parameter of the standard tier is free, an advanced one is billed by the month."""
    if resource.inputs.text("tier", "Standard") != "Standard":
        yield Quantity(
            item="advanced parameter",
            skus=("aws:ssm:parameter-advanced",),
            unit="parameter-month",
            amount=exactly(1),
        )


def secret(resource: Resource, side: Side, usage: Usage) -> Iterator[Quantity]:
    """A secret by the month and by how often it is read."""
    yield Quantity(item="secret", skus=("aws:secretsmanager:secret",), unit="secret-month", amount=exactly(1))
    peers = sum(each.type == resource.type for each in side.resources.values())
    amount = usage.share("secret_requests", resource.name, peers) / 10_000
    yield Quantity(item="secret reads", skus=("aws:secretsmanager:requests",), unit="10k requests", amount=amount)


TYPES: dict[str, Handler] = {
    "aws:ssm/parameter:Parameter": parameter,
    "aws:secretsmanager/secret:Secret": secret,
}
