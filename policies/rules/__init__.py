"""The one list of rules, by topic. A rule is an entry in its topic's `RULES`; a topic is one line here."""

from __future__ import annotations

from collections.abc import Mapping

from policies.rule import Rule
from policies.rules import (
    data,
    deployment,
    exceptions,
    gpus,
    identity,
    images,
    machines,
    models,
    network,
    probes,
    scaling,
    spending,
)

TOPICS: Mapping[str, tuple[Rule, ...]] = {
    "scaling": scaling.RULES,
    "gpus": gpus.RULES,
    "deployment": deployment.RULES,
    "probes": probes.RULES,
    "images": images.RULES,
    "identity": identity.RULES,
    "network": network.RULES,
    "machines": machines.RULES,
    "data": data.RULES,
    "models": models.RULES,
    "spending": spending.RULES,
    "exceptions": exceptions.RULES,
}
RULES: tuple[Rule, ...] = tuple(rule for rules in TOPICS.values() for rule in rules)


def rule_of(id_: str) -> Rule | None:
    """The rule with this id."""
    return next((each for each in RULES if each.id == id_), None)


def ids() -> tuple[str, ...]:
    """What the rules are called."""
    return tuple(each.id for each in RULES)
