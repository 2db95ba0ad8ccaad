"""The shape of what a resource is billed for, and of the function that tells it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from cost.amounts import Amount
from cost.preview import Resource, Side
from cost.usage import Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantity:
    """One thing a resource is billed for in a month.

    `item` names it the same before and after a change, `detail` says which one it is now. Of several `skus` the first
    is expected, the cheapest is the low case and the dearest the high one. `note` is an assumption or a warning.
    """

    item: str
    skus: tuple[str, ...]
    unit: str
    amount: Amount
    detail: str = ""
    note: str = ""


Handler = Callable[[Resource, Side, Usage], Iterator[Quantity]]
