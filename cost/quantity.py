"""The shape of what a resource is billed for, of the function that tells it, and of a row in a family's table."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from cost.amounts import Amount
from cost.usage import Usage
from plan.inputs import Inputs
from plan.scope import Reads, Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantity:
    """One thing a resource is billed for in a month.

    `key` names it the same before and after a change and for whoever looks for it, `item` is what people read, `detail`
    says which one it is now. Of several `skus` the first is expected, the cheapest is the low case and the dearest the
    high one. `note` is an assumption or a warning.
    """

    key: str
    item: str
    skus: tuple[str, ...]
    unit: str
    amount: Amount
    detail: str = ""
    note: str = ""


# The first word of the keys of machines that a model runs on, in every cloud: dollars per million tokens rest on them.
INSTANCES = "instances"
MANAGED_INSTANCES = "managed-instances"

# The first word of the keys of a managed model's tokens, in every cloud.
TOKENS = "tokens"

Handler = Callable[[Inputs, Scope, Usage], Iterator[Quantity]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Billed:
    """How a type of resource is billed.

    `reads` are the inputs that the handler may read, by resource type: its own and those of what it looks at besides;
    `usage_keys` what it may ask the usage file. Anything else fails at once, so these lists are those of the code.
    """

    handler: Handler
    reads: Reads = field(default_factory=dict)
    usage_keys: tuple[str, ...] = ()
