"""Names, values and numbers that a cloud takes, by the catalog's tables; a cloud without tables refuses none."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from providers.rehearsal.findings import Seen, Validated, nearest, one_of, shown
from providers.rehearsal.rules.contract import CheckedResource, Facts, refuse


def name_fits(resource: CheckedResource, peers: Sequence[CheckedResource], facts: Facts) -> Iterator[Seen]:
    """A name's length, characters and beginning."""
    rule = facts.limits.get("names", {}).get(resource.token)
    name = resource.get(rule["property"]) if rule else None
    if not rule or not isinstance(name, str):
        return
    place = resource.place(rule["property"])
    first = next((each for each in rule.get("not_first", ()) if name.lower().startswith(each)), None)
    longest, shortest = rule["max"], rule.get("min", 1)
    if first:
        yield refuse(place, f"is {shown(name, place)}; it may not begin with '{first}'. Put another word first.")
    elif not shortest <= len(name) <= longest:
        yield refuse(
            place,
            f"is {shown(name, place)} with {len(name)} characters; it must have {shortest} to {longest}. "
            "stacks.naming.name makes one that fits.",
        )
    elif not re.fullmatch(rule["pattern"], name):
        yield refuse(place, f"is {shown(name, place)}; it must match {rule['pattern']} as a whole.")
    else:
        yield Validated(path=place.path)


def value_is_known(resource: CheckedResource, peers: Sequence[CheckedResource], facts: Facts) -> Iterator[Seen]:
    """A text that is one of a few."""
    for path, known in facts.limits.get("values", {}).get(resource.token, {}).items():
        place, value = resource.place(*path.split(".")), resource.get(*path.split("."))
        if isinstance(value, str):
            good = value in known
            yield (
                Validated(path=place.path)
                if good
                else refuse(place, f"is {shown(value, place)}; it must be {one_of(known)}.{nearest(value, known)}")
            )


def number_is_in_range(resource: CheckedResource, peers: Sequence[CheckedResource], facts: Facts) -> Iterator[Seen]:
    """A number within bounds."""
    for path, (low, high, unit) in facts.limits.get("ranges", {}).get(resource.token, {}).items():
        place, value = resource.place(*path.split(".")), resource.get(*path.split("."))
        if isinstance(value, int | float):
            good = low <= value <= high
            yield (
                Validated(path=place.path)
                if good
                else refuse(place, f"is {shown(value, place)}; it must be from {low} to {high} {unit}.")
            )


RULES = (name_fits, value_is_known, number_is_in_range)
