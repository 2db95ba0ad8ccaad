"""What a change of inputs does to a resource: nothing, an update, a new one, or nobody knows."""

from __future__ import annotations

from dataclasses import dataclass

from plan.tokens import is_unknown
from providers.rehearsal.cloud import RehearsedCloud
from providers.rehearsal.findings import folded
from providers.rehearsal.values import Properties, leaves, plain


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Top-level inputs by what their change takes; `undecided` are those of a type that no schema describes."""

    changed: tuple[str, ...] = ()
    replacing: tuple[str, ...] = ()
    undecided: tuple[str, ...] = ()


def between(cloud: RehearsedCloud, token: str, old: Properties, new: Properties) -> Difference:
    """Compare two sets of inputs; one that is not known yet counts as changed."""
    names = sorted({*old, *new})
    changed = tuple(each for each in names if _differs(old.get(each), new.get(each)))
    if not changed:
        return Difference()
    create_only = cloud.create_only(token)
    if create_only is None:
        return Difference(changed=changed, undecided=changed)
    return Difference(changed=changed, replacing=tuple(each for each in changed if create_only.get(folded(each))))


def keeps_name(named: tuple[str, str] | None, old: Properties, new: Properties) -> bool:
    """Whether the new resource would have the name of the old one, which then must go first: the program chose it."""
    if named is None:
        return False
    name = plain(new.get(named[0]))
    return name is not None and name != named[1] and name == plain(old.get(named[0]))


def _differs(old: object, new: object) -> bool:
    return plain(old) != plain(new) or any(is_unknown(value) for _, value in leaves(new))
