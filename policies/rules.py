"""The one list of rules. A rule is one function and one entry in its topic's `RULES`; a topic is one line here."""

from __future__ import annotations

from policies import cost, data, deployment, exceptions, gpus, identity, images, machines, network, probes, scaling
from policies.rule import Rule

RULES: tuple[Rule, ...] = (
    *scaling.RULES,
    *gpus.RULES,
    *deployment.RULES,
    *probes.RULES,
    *images.RULES,
    *identity.RULES,
    *network.RULES,
    *machines.RULES,
    *data.RULES,
    *cost.RULES,
    *exceptions.RULES,
)


def rule_of(id_: str) -> Rule | None:
    """The rule with this id."""
    return next((each for each in RULES if each.id == id_), None)


def ids() -> tuple[str, ...]:
    """What the rules are called."""
    return tuple(each.id for each in RULES)
