"""How every type of resource is billed, and which are declared free: the clouds' tables in one. What neither has is unknown."""

from __future__ import annotations

from collections.abc import Mapping

from catalog.clouds import also_known_as, known_as
from cost.aws import families as aws
from cost.aws import free as aws_free
from cost.local import free as local_free
from cost.quantity import Billed
from plan.scope import Reads

BILLED: Mapping[str, Billed] = {**aws.BILLED}
FREE: Mapping[str, str] = {
    **aws_free.FREE,
    **local_free.FREE,
    "pulumi:pulumi:StackReference": "only reads another stack",
}


def is_known(type_: str) -> bool:
    """Whether some family prices a type, or somebody has declared it free."""
    return known_as(type_) in BILLED or known_as(type_) in FREE


def bearing() -> Reads:
    """Every input path that some price rests on, by resource type and whatever an SDK calls that: to be checked before it is believed."""
    paths: dict[str, set[str]] = {}
    for billed in BILLED.values():
        for type_, read in billed.reads.items():
            for token in also_known_as(type_):
                paths.setdefault(token, set()).update(read)
    return {type_: tuple(sorted(paths[type_])) for type_ in sorted(paths)}
