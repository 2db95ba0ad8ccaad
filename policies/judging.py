"""Holds the rules against a plan: what violates one, what could not be decided, and which inputs decide at all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from catalog.clouds import known_as
from plan.inputs import NotKnown
from plan.resource import STACK, Resource
from plan.scope import Scope
from policies.check import Check, NotCovered, Scene
from policies.context import Context
from policies.coverage import checks_of, gap, types_of
from policies.rule import Level, Rule
from policies.rules import RULES


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """A rule that a resource breaks: the value seen, and the remedy."""

    rule: str
    urn: str
    message: str
    level: Level


@dataclass(frozen=True, slots=True, kw_only=True)
class Undecided:
    """A rule that could not be held against a resource: an input is not known yet, or no table knows its type.

    The first is only told, and decided when the value is there; the second is mandatory in prod where the rule is.
    """

    rule: str
    urn: str
    message: str
    level: Level = Level.ADVISORY


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What the rules say of a plan. `rules` are those that hold in its environment; `excepted` is what an exception covers."""

    environment: str
    rules: tuple[Rule, ...]
    violations: tuple[Violation, ...]
    undecided: tuple[Undecided, ...]
    excepted: tuple[Violation, ...]

    @property
    def refuses(self) -> bool:
        """Whether the deployment must not go on."""
        return bool(self.refusals)

    @property
    def refusals(self) -> tuple[str, ...]:
        """Why: each mandatory violation, then each resource that mandatory rules cannot be held against."""
        broken = (each.message for each in self.violations if each.level is Level.MANDATORY)
        open_ = (each for each in self.undecided if each.level is Level.MANDATORY)
        return (*broken, *(f"{message} [{', '.join(rules)}]" for message, rules in by_message(open_).items()))

    def as_json(self) -> dict[str, Any]:
        """The `policies` part of a command's JSON."""
        return {
            "rules": [described(each, each.enforcement.level(self.environment)) for each in self.rules],
            "violations": [
                {"rule": each.rule, "urn": each.urn, "message": each.message, "enforcement": each.level}
                for each in self.violations
            ],
            "undecided": [
                {"rule": each.rule, "urn": each.urn, "message": each.message, "enforcement": each.level}
                for each in self.undecided
            ],
            "excepted": [{"rule": each.rule, "urn": each.urn, "message": each.message} for each in self.excepted],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What one rule says of one resource. `undecided` names an input that is not known, `uncovered` a gap in the tables.

    Where an exception covers it, all that would have been said is `excepted`.
    """

    violations: tuple[str, ...] = ()
    excepted: tuple[str, ...] = ()
    undecided: str = ""
    uncovered: str = ""


def judge(resources: Iterable[Resource], context: Context) -> Report:
    """Hold every rule of the context's environment against the resources of one stack."""
    planned = _with_stack(resources, context)
    rules = tuple(each for each in RULES if each.enforcement.level(context.environment) is not Level.OFF)
    violations: list[Violation] = []
    undecided: list[Undecided] = []
    excepted: list[Violation] = []
    for rule in rules:
        level = rule.enforcement.level(context.environment)
        of_uncovered = rule.enforcement.of_uncovered(context.environment)
        for subject in planned.values():
            outcome = outcome_of(rule, subject, context, planned)
            for messages, into in ((outcome.violations, violations), (outcome.excepted, excepted)):
                into += (Violation(rule=rule.id, urn=subject.urn, message=each, level=level) for each in messages)
            for message, how in ((outcome.undecided, Level.ADVISORY), (outcome.uncovered, of_uncovered)):
                if message:
                    undecided.append(Undecided(rule=rule.id, urn=subject.urn, message=message, level=how))
    return Report(
        environment=context.environment,
        rules=rules,
        violations=tuple(violations),
        undecided=tuple(undecided),
        excepted=tuple(excepted),
    )


def outcome_of(rule: Rule, subject: Resource, context: Context, planned: Mapping[str, Resource]) -> Outcome:
    """Hold one rule against one resource; nothing where the rule cannot be broken by its type."""
    check = checks_of(rule).get(known_as(subject.type))
    if check is not None:
        return outcome_of_check(rule, check, subject, context, planned)
    missing = gap(rule, subject)
    if not missing:
        return Outcome()
    return _unless_excepted(Outcome(uncovered=f"{subject.name}: cannot be decided: {missing}."), rule, subject, context)


def outcome_of_check(
    rule: Rule, check: Check, subject: Resource, context: Context, planned: Mapping[str, Resource]
) -> Outcome:
    """What a rule's check for a type says of a resource of it."""
    reads = check.all_reads(known_as(subject.type))
    scope = Scope(resources=planned, reader=f"rule {rule.id}", reads=reads)
    messages: list[str] = []
    undecided = uncovered = ""
    try:
        for sentence in check.judge(scope.sees(subject), Scene(context=context, rule=rule, scope=scope)):
            messages.append(f"{subject.name}: {sentence} {check.remedy or rule.remedy}")  # noqa: PERF401  kept when the next raises
    except NotKnown as reason:
        undecided = f"{subject.name}: cannot be decided: {reason}."
    except NotCovered as reason:
        uncovered = f"{subject.name}: cannot be decided: {reason}."
    outcome = Outcome(violations=tuple(messages), undecided=undecided, uncovered=uncovered)
    return _unless_excepted(outcome, rule, subject, context)


def by_message(undecided: Iterable[Undecided]) -> dict[str, list[str]]:
    """The rules that cannot be decided for one and the same reason."""
    rules: dict[str, list[str]] = {}
    for each in undecided:
        rules.setdefault(each.message, []).append(each.rule)
    return rules


def described(rule: Rule, enforcement: object) -> dict[str, Any]:
    """A rule in a command's JSON."""
    return {
        "id": rule.id,
        "title": rule.title,
        "severity": rule.severity,
        "enforcement": enforcement,
        "types": list(types_of(rule)),
        "remedy": rule.remedy,
    }


def _unless_excepted(outcome: Outcome, rule: Rule, subject: Resource, context: Context) -> Outcome:
    """What an exception covers is told all the same: what is broken, and what could not be decided."""
    if not any(each.covers(rule.id, subject.name, context.stack, context.today) for each in context.exceptions):
        return outcome
    open_ = (each for each in (outcome.undecided, outcome.uncovered) if each)
    return Outcome(excepted=(*outcome.violations, *open_))


def _with_stack(resources: Iterable[Resource], context: Context) -> dict[str, Resource]:
    """The resources by URN; the stack itself is one of them, so that a rule can be about it."""
    planned = {each.urn: each for each in resources}
    if not any(each.type == STACK for each in planned.values()):
        urn = f"urn:pulumi:{context.stack}::trimaran::{STACK}::trimaran-{context.stack}"
        planned[urn] = Resource(urn=urn, type=STACK, inputs={}, custom=False)
    return planned
