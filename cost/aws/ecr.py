"""ECR: the images that are kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from cost.quantity import Billed, Quantity
from cost.usage import Usage
from plan.inputs import Inputs
from plan.scope import Scope


def repository(resource: Inputs, scope: Scope, usage: Usage) -> Iterator[Quantity]:
    """Storage of a private repository."""
    peers = len(scope.of(resource.type))
    amount = usage.share("image_gb", resource.name, peers)
    yield Quantity(key="images", item="images", skus=("aws:ecr:storage",), unit="GB-month", amount=amount)


BILLED: Mapping[str, Billed] = {
    "aws:ecr/repository:Repository": Billed(handler=repository, usage_keys=("image_gb",)),
}
