"""Which rule is judged how for which type, over all clouds; and what no cloud's tables speak of, which is never taken for good."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache

from catalog.clouds import cloud_of_type, known_as
from plan.resource import ENGINE, PROVIDER, STACK, Resource
from plan.scope import Reads
from policies import overdue, spending
from policies.aws import tables as aws
from policies.check import EVERY, Check, Checks, Harmless
from policies.local import harmless as local
from policies.rule import Rule
from policies.rules import RULES, TOPICS

# A cloud is a line in each of the three.
_CHECKS: tuple[Checks, ...] = (*aws.CHECKS,)
_HARMLESS: tuple[Harmless, ...] = (*aws.HARMLESS, *local.HARMLESS)
_SPENDING: tuple[spending.Spending, ...] = (aws.SPENDING,)


def _peers(*reads: Reads) -> dict[str, tuple[str, ...]]:
    return {type_: paths for each in reads for type_, paths in each.items()}


# What is about the stack as a whole is the same on every cloud.
_OVER_STACK: Checks = {
    "region-allow-list": {
        STACK: Check(judge=spending.regions(_SPENDING), peers=_peers(*(each.lead_reads for each in _SPENDING)))
    },
    "budget-exists": {
        STACK: Check(judge=spending.budget(_SPENDING), peers=_peers(*(each.budget_reads for each in _SPENDING)))
    },
    "monthly-cost-cap": {
        STACK: Check(judge=spending.cost_cap(_SPENDING), peers=_peers(*(each.replica_reads for each in _SPENDING)))
    },
    "exceptions-in-date": {STACK: Check(judge=overdue.in_date)},
}


@cache
def checks_of(rule: Rule) -> Mapping[str, Check]:
    """A rule's checks by type."""
    return {type_: check for each in (*_CHECKS, _OVER_STACK) for type_, check in each.get(rule.id, {}).items()}


def types_of(rule: Rule) -> tuple[str, ...]:
    """The types that a rule is judged for."""
    return tuple(checks_of(rule))


@cache
def reads_of(rule: Rule) -> Reads:
    """Every input that a rule's checks may read, by type; a type that they only look at has none."""
    paths: dict[str, dict[str, None]] = {}
    for type_, check in checks_of(rule).items():
        for read, some in check.all_reads(type_).items():
            paths.setdefault(read, {}).update(dict.fromkeys(some))
    return {type_: tuple(some) for type_, some in paths.items()}


def bearing() -> dict[str, tuple[str, ...]]:
    """Every input path that a rule reads, by resource type: `a.b` of a map, `a[].b` of each item of a list."""
    paths: dict[str, set[str]] = {}
    for rule in RULES:
        for type_, read in reads_of(rule).items():
            paths.setdefault(type_, set()).update(read)
    return {type_: tuple(sorted(paths[type_])) for type_ in sorted(paths) if paths[type_]}


def gap(rule: Rule, resource: Resource) -> str:
    """Why a rule cannot be held against a resource: no table speaks of its type. Empty where one does, or where none has to."""
    if rule.every_type or not resource.custom or _is_the_engines(resource.type):
        return ""
    type_ = known_as(resource.type)
    if type_ in checks_of(rule) or type_ in reads_of(rule) or rule.id in _cannot_break(type_):
        return ""
    cloud = cloud_of_type(resource.type)
    folder = f"policies/{cloud.name}/" if cloud else "policies/"
    return f"no check of {folder} knows {resource.type}, and none of its lists declares it harmless"


def taken_for_harmless(rule_id: str) -> tuple[str, ...]:
    """Every type that a rule is not held against because a list declares it harmless: for the rule, its topic or every topic."""
    checked = {type_ for checks in (*_CHECKS, _OVER_STACK) for type_ in checks.get(rule_id, {})}
    declared = {type_ for each in _HARMLESS if rule_id in _rules_of(each) for type_ in each.types}
    return tuple(sorted(declared - checked))


@cache
def _cannot_break(type_: str) -> frozenset[str]:
    """The rules that a type is declared harmless for."""
    return frozenset(rule for each in _HARMLESS if type_ in each.types for rule in _rules_of(each))


def _rules_of(harmless: Harmless) -> Iterator[str]:
    for topic in harmless.topics:
        if topic == EVERY:
            yield from (rule.id for rule in RULES)
        else:
            yield from (rule.id for rule in TOPICS[topic]) if topic in TOPICS else (topic,)


def _is_the_engines(type_: str) -> bool:
    return type_.startswith(PROVIDER) or type_.partition(":")[0] in ENGINE
