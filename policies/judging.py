"""Holds the rules against a plan: what violates one, what could not be decided, and which inputs decide at all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from policies.context import Context
from policies.planned import NotKnown, Planned, known_as
from policies.rule import STACK, Level, Rule, Scene
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
    """A rule that could not be held against a resource, because of an input that is named."""

    rule: str
    urn: str
    message: str


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
        return any(each.level is Level.MANDATORY for each in self.violations)

    def as_json(self) -> dict[str, Any]:
        """The `policies` part of a command's JSON."""
        return {
            "rules": [described(each, each.enforcement.level(self.environment)) for each in self.rules],
            "violations": [
                {"rule": each.rule, "urn": each.urn, "message": each.message, "enforcement": each.level}
                for each in self.violations
            ],
            "undecided": [{"rule": each.rule, "urn": each.urn, "message": each.message} for each in self.undecided],
            "excepted": [{"rule": each.rule, "urn": each.urn, "message": each.message} for each in self.excepted],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What one rule says of one resource; `undecided` is empty where it could decide."""

    violations: tuple[str, ...]
    excepted: tuple[str, ...]
    undecided: str


def judge(resources: Iterable[Planned], context: Context) -> Report:
    """Hold every rule of the context's environment against the resources of one stack."""
    planned = _with_stack(resources, context)
    rules = tuple(each for each in RULES if each.enforcement.level(context.environment) is not Level.OFF)
    violations: list[Violation] = []
    undecided: list[Undecided] = []
    excepted: list[Violation] = []
    for rule in rules:
        level = rule.enforcement.level(context.environment)
        for subject in planned.values():
            outcome = outcome_of(rule, subject, context, planned)
            for messages, into in ((outcome.violations, violations), (outcome.excepted, excepted)):
                into += (Violation(rule=rule.id, urn=subject.urn, message=each, level=level) for each in messages)
            if outcome.undecided:
                undecided.append(Undecided(rule=rule.id, urn=subject.urn, message=outcome.undecided))
    return Report(
        environment=context.environment,
        rules=rules,
        violations=tuple(violations),
        undecided=tuple(undecided),
        excepted=tuple(excepted),
    )


def outcome_of(rule: Rule, subject: Planned, context: Context, planned: Mapping[str, Planned]) -> Outcome:
    """Hold one rule against one resource; nothing where the rule is not about its type."""
    if known_as(subject.type) not in rule.types:
        return Outcome(violations=(), excepted=(), undecided="")
    messages: list[str] = []
    undecided = ""
    try:
        for sentence in rule.check(rule.sees(subject), Scene(context=context, rule=rule, planned=planned)):
            messages.append(f"{subject.name}: {sentence} {rule.remedy}")  # noqa: PERF401  kept when the next is NotKnown
    except NotKnown as reason:
        undecided = f"{subject.name}: cannot be decided: {reason}."
    is_excepted = any(each.covers(rule.id, subject.name, context.stack, context.today) for each in context.exceptions)
    return Outcome(
        violations=() if is_excepted else tuple(messages),
        excepted=tuple(messages) if is_excepted else (),
        undecided="" if is_excepted else undecided,
    )


def bearing() -> dict[str, tuple[str, ...]]:
    """Every input path that a rule reads, by resource type: `a.b` of a map, `a[].b` of each item of a list."""
    paths: dict[str, set[str]] = {}
    for rule in RULES:
        for type_, read in rule.reads.items():
            paths.setdefault(type_, set()).update(read)
    return {type_: tuple(sorted(paths[type_])) for type_ in sorted(paths) if paths[type_]}


def described(rule: Rule, enforcement: object) -> dict[str, Any]:
    """A rule in a command's JSON."""
    return {
        "id": rule.id,
        "title": rule.title,
        "severity": rule.severity,
        "enforcement": enforcement,
        "types": list(rule.types),
        "remedy": rule.remedy,
    }


def _with_stack(resources: Iterable[Planned], context: Context) -> dict[str, Planned]:
    """The resources by URN; the stack itself is one of them, so that a rule can be about it."""
    planned = {each.urn: each for each in resources}
    if not any(each.type == STACK for each in planned.values()):
        urn = f"urn:pulumi:{context.stack}::trimaran::{STACK}::trimaran-{context.stack}"
        planned[urn] = Planned(urn=urn, type=STACK, inputs={})
    return planned
