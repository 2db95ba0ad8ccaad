"""Tags as AWS takes them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from providers.rehearsal.findings import Seen, Validated, shown
from providers.rehearsal.rules.contract import CheckedResource, Facts, refuse


def tags_fit(resource: CheckedResource, peers: Sequence[CheckedResource], facts: Facts) -> Iterator[Seen]:
    """Number, length and characters of tags."""
    rule, tags = facts.limits["tags"], resource.get("tags")
    if not isinstance(tags, dict):
        return
    place = resource.place("tags")
    if len(tags) > rule["most"]:
        yield refuse(place, f"has {len(tags)} tags; a resource can have {rule['most']}. Leave some out.")
    for key, value in tags.items():
        where = place.at(key)
        if key.lower().startswith(rule["reserved"]):
            yield refuse(where, f"may not begin with '{rule['reserved']}', which AWS keeps for itself. Rename it.")
        elif not 1 <= len(key) <= rule["key"] or not re.fullmatch(rule["pattern"], key):
            yield refuse(
                where, f"is not a tag's key: at most {rule['key']} letters, digits, spaces and . : / = + - @ _."
            )
        elif isinstance(value, str) and (len(value) > rule["value"] or not re.fullmatch(rule["pattern"], value)):
            yield refuse(
                where, f"is {shown(value, where)}; at most {rule['value']} letters, digits, spaces and . : / = + - @ _."
            )
        else:
            yield Validated(path=where.path)


RULES = (tags_fit,)
