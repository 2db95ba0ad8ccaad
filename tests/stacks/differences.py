"""A plan as another plan and what differs: small enough to be read, exact enough to be expanded again byte for byte.

A plan is one block for each resource: a line with its type and name, then its inputs (`  key=value`) and options (`  ! key=value`).
A difference names its base, the revisions that are called otherwise (`old=new`, in the base's whole text), then each resource that is
not made (`-`), is another in some lines (`~`), or is made beside (`+`, with what it comes after).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_BASE, _REVISIONS, _AFTER, _NOTHING, _SAME = "base: ", "revisions: ", " after ", "nothing", "the same"
_OPTION = "  ! "
_REVISION = re.compile(r" ([a-z]+)-([0-9a-f]{8,12})$")
Plan = dict[str, list[str]]


def difference(base_name: str, base: str, plan: str) -> str:
    """What has to be said beside the base. Raises ValueError for a plan that cannot be told from this base."""
    new = _revisions(plan)
    renamed = {old: new[role] for role, old in _revisions(base).items() if new.get(role, old) != old}
    told_of = " ".join(f"{old}={other}" for old, other in renamed.items())
    head = [f"{_BASE}{base_name}", f"{_REVISIONS}{told_of or _SAME}"]
    told = "".join(f"{line}\n" for line in (*head, *_told(_blocks(_renamed(base, renamed)), _blocks(plan))))
    if expanded(base, told) != plan:
        raise ValueError(f"what is alike in {base_name} and the other plan is in another order there")
    return told


def expanded(base: str, told: str) -> str:
    """The whole plan again. Raises KeyError or ValueError for a difference that was told from another base."""
    _, revisions, *lines = told.splitlines()
    renamed = dict(each.split("=") for each in revisions.removeprefix(_REVISIONS).split() if "=" in each)
    plan = _blocks(_renamed(base, renamed))
    for head, inner in _blocks("\n".join(lines)).items():
        sign, _, name = head.partition(" ")
        if sign == "-":
            del plan[name]
        elif sign == "~":
            plan[name] = _changed(plan[name], inner)
        else:
            name, _, before = name.partition(_AFTER)
            plan = _inserted(plan, name, inner, before)
    return "".join(f"{line}\n" for head, inner in plan.items() for line in (head, *inner))


def _blocks(text: str) -> Plan:
    plan: Plan = {}
    for line in text.splitlines():
        if line.startswith("  "):
            plan[next(reversed(plan))].append(line)
        elif line in plan:
            raise ValueError(f"two resources are called '{line}'")
        else:
            plan[line] = []
    return plan


def _revisions(text: str) -> dict[str, str]:
    """What a resource is called before its revision -> that revision."""
    return {found[1]: found[2] for head in _blocks(text) if (found := _REVISION.search(head))}


def _renamed(text: str, renamed: dict[str, str]) -> str:
    for old, new in renamed.items():
        text = text.replace(old, new)
    return text


def _told(base: Plan, plan: Plan) -> Iterator[str]:
    yield from (f"- {head}" for head in base if head not in plan)
    before = _NOTHING
    for head, lines in plan.items():
        if head not in base:
            yield from (f"+ {head}{_AFTER}{before}", *lines)
        elif lines != base[head]:
            gone, new = set(base[head]) - set(lines), set(lines) - set(base[head])
            signed = sorted([*((line, "-") for line in gone), *((line, "+") for line in new)], key=_by_key)
            yield from (f"~ {head}", *(f"  {sign} {line[2:]}" for line, sign in signed))
        before = head


def _by_key(signed: tuple[str, str]) -> tuple[bool, str, bool, str]:
    """Inputs before options; of one key the old value before the new one."""
    line, sign = signed
    return line.startswith(_OPTION), line.partition("=")[0], sign == "+", line


def _changed(lines: list[str], told: list[str]) -> list[str]:
    gone = {f"  {line[4:]}" for line in told if line.startswith("  - ")}
    new = [f"  {line[4:]}" for line in told if line.startswith("  + ")]
    if gone - set(lines):
        raise ValueError(f"the base has no line '{min(gone - set(lines)).strip()}'")
    return sorted(
        [*(each for each in lines if each not in gone), *new], key=lambda line: (line.startswith(_OPTION), line)
    )


def _inserted(plan: Plan, name: str, lines: list[str], before: str) -> Plan:
    if before == _NOTHING:
        return {name: lines, **plan}
    heads = list(plan)
    at = heads.index(before) + 1
    return {**{head: plan[head] for head in heads[:at]}, name: lines, **{head: plan[head] for head in heads[at:]}}
