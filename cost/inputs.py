"""Numbers among a resource's inputs as amounts: what is not known yet is unknown with its reason, never zero."""

from __future__ import annotations

from decimal import Decimal

from cost.amounts import Amount, exactly, unknown
from plan.inputs import Inputs, NotKnown


def amount_of(inputs: Inputs, path: str, default: Decimal | int | None = None) -> Amount:
    """A number; unknown where it is not known yet or is neither set nor has a default."""
    try:
        number = inputs.number(path)
    except NotKnown as reason:
        return unknown(str(reason))
    if number is not None:
        return exactly(number)
    return unknown(f"{inputs.prefix}{path} is not set") if default is None else exactly(default)


def count_of(inputs: Inputs, path: str) -> Amount:
    """How many items a list has, even where the items themselves are not known yet."""
    try:
        return exactly(inputs.count(path))
    except NotKnown as reason:
        return unknown(str(reason))
