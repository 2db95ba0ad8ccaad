"""ECR: the images that are kept."""

from __future__ import annotations

from collections.abc import Iterator

from cost.preview import Resource, Side
from cost.quantity import Handler, Quantity
from cost.usage import Usage


def repository(resource: Resource, side: Side, usage: Usage) -> Iterator[Quantity]:
    """Storage of a private repository."""
    peers = sum(each.type == resource.type for each in side.resources.values())
    amount = usage.share("image_gb", resource.name, peers)
    yield Quantity(item="images", skus=("aws:ecr:storage",), unit="GB-month", amount=amount)


TYPES: dict[str, Handler] = {"aws:ecr/repository:Repository": repository}
