"""What is spent, by whom and where: tags, regions, a budget that warns, a cap on what may run at all."""

from __future__ import annotations

from catalog.clouds import CLOUDS
from policies.rule import ALWAYS, TOLD_IN_DEV, Rule, Severity

_REGION_KEYS = [key for each in CLOUDS.values() for key in each.region_keys]

RULES = (
    Rule(
        id="required-tags",
        title="Everything that is billed or holds data, and can carry tags, says whose it is.",
        why="Without tags a bill has one line, and nobody dares to delete what nobody owns.",
        severity=Severity.MEDIUM,
        enforcement=TOLD_IN_DEV,
        remedy="Set them in trimaran:tags.",
    ),
    Rule(
        id="region-allow-list",
        title="Everything is in a region that the stack's config allows, and leads to no other.",
        why="Where data may be is a promise to others; and what runs in a forgotten region is never looked at.",
        severity=Severity.HIGH,
        enforcement=ALWAYS,
        remedy=f"Set {' or '.join(_REGION_KEYS)} to one of them, or extend trimaran:limits.regions.",
        among_peers=True,
        over_stack=True,
        every_type=True,
    ),
    Rule(
        id="budget-exists",
        title="A stack that scales has a budget that tells somebody.",
        why="The first sign of a bill that runs away must not be the bill.",
        severity=Severity.HIGH,
        enforcement=TOLD_IN_DEV,
        remedy="Set trimaran:limits.monthlyUsd: the stack then makes a budget with notifications.",
        among_peers=True,
        over_stack=True,
    ),
    Rule(
        id="monthly-cost-cap",
        title="At its upper bound a stack costs no more than its config allows.",
        why="Replicas times price is known before the first one starts. Traffic that nobody has stated is not in it.",
        severity=Severity.HIGH,
        enforcement=ALWAYS,
        remedy="Lower trimaran:scaling.max or the GPU, or raise trimaran:limits.monthlyUsd; ./trimaran cost shows each line.",
        among_peers=True,
        over_stack=True,
        every_type=True,
    ),
)
