"""The rules as a Pulumi policy pack: the engine hands over inputs as they are registered and, at the end, the whole stack."""

from __future__ import annotations

import datetime
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

import pulumi
from pulumi.runtime import get_config_env
from pulumi_policy import (
    EnforcementLevel,
    Policy,
    PolicyPack,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    Severity,
    StackValidationArgs,
    StackValidationPolicy,
)
from pulumi_policy.deserialize import serialize_properties
from pulumi_policy.proxy import UNKNOWN_STRING_VALUE, UnknownValueError

from plan.resource import PROVIDER, Resource, made
from policies.context import Context
from policies.exceptions import ExceptionsError, current
from policies.judging import outcome_of
from policies.rule import Level, Rule
from policies.rules import RULES, ids

NAME = "trimaran"
_LEVELS = {
    Level.MANDATORY: EnforcementLevel.MANDATORY,
    Level.ADVISORY: EnforcementLevel.ADVISORY,
    Level.OFF: EnforcementLevel.DISABLED,
}


class CannotDecide(UnknownValueError):
    """Makes the engine tell, as a remark, that a rule could not decide and why."""

    def __init__(self, message: str) -> None:
        super().__init__(UNKNOWN_STRING_VALUE, [])
        self.message = message


def serve() -> None:
    """Serve the rules to the engine until it goes. Ends with a sentence where the file of exceptions cannot be used."""
    try:
        exceptions = current(ids())
    except ExceptionsError as error:
        raise SystemExit(f"error: {error}") from None
    if "PULUMI_CONFIG" not in os.environ:
        sys.stderr.write("the engine told the policies nothing of the stack's config: its own limits are not judged\n")
    context = Context.of(_stack(), get_config_env(), datetime.date.today(), exceptions)
    PolicyPack(name=NAME, policies=policies(context), enforcement_level=EnforcementLevel.MANDATORY)


def policies(context: Context) -> list[Policy]:
    """One policy for each rule, as strict as the context's environment wants it."""
    seen = _Seen(context.config)
    return [_policy(rule, context, seen) for rule in RULES]


class _Seen:
    """The inputs of every resource so far. For the stack as a whole the engine hands over outputs, which rules do not read."""

    def __init__(self, config: Mapping[str, str]) -> None:
        self._config = config
        self._by_urn: dict[str, tuple[str, Resource]] = {}

    def resource(self, args: ResourceValidationArgs, rule: str) -> Resource:
        """The resource that a rule is asked about; the first rule that is asked about it unwraps it for the others."""
        known = self._by_urn.get(args.urn)
        if known is None or known[0] == rule:
            known = (rule, _planned(args, self._config))
            self._by_urn[args.urn] = known
        return known[1]

    def stack(self, args: StackValidationArgs) -> dict[str, Resource]:
        """Every resource of the stack, now with what each refers to."""
        return {
            each.urn: self._with_links(each) for each in args.resources if not each.resource_type.startswith(PROVIDER)
        }

    def _with_links(self, resource: Any) -> Resource:
        planned = self._by_urn[resource.urn][1] if resource.urn in self._by_urn else _planned(resource, self._config)
        links = {}
        for key, others in resource.property_dependencies.items():
            if others:
                links[key] = tuple(each.urn for each in others)
        return replace(planned, links=links)


def _planned(args: Any, config: Mapping[str, str]) -> Resource:
    """A resource as it is registered. A component has no provider: nobody makes it."""
    return made(
        urn=args.urn,
        type_=args.resource_type,
        custom=args.provider is not None,
        inputs=serialize_properties(args.props),
        provider=serialize_properties(args.provider.props) if args.provider else {},
        provider_name=args.provider.name if args.provider else "",
        config=config,
    )


def _policy(rule: Rule, context: Context, seen: _Seen) -> Policy:
    common: dict[str, Any] = {
        "name": rule.id,
        "description": rule.title,
        "enforcement_level": _LEVELS[rule.enforcement.level(context.environment)],
        "severity": Severity(rule.severity.value),
        "remediation_steps": rule.remedy,
    }
    # The stack itself is registered before its resources, but it is judged with them.
    if rule.among_peers or rule.over_stack:
        return StackValidationPolicy(validate=_over_stack(rule, context, seen), **common)
    return ResourceValidationPolicy(validate=_over_resource(rule, context, seen), **common)


def _over_resource(
    rule: Rule, context: Context, seen: _Seen
) -> Callable[[ResourceValidationArgs, ReportViolation], None]:
    def validate(args: ResourceValidationArgs, report: ReportViolation) -> None:
        planned = seen.resource(args, rule.id)
        _tell(rule, [planned], context, {planned.urn: planned}, report)

    return validate


def _over_stack(rule: Rule, context: Context, seen: _Seen) -> Callable[[StackValidationArgs, ReportViolation], None]:
    def validate(args: StackValidationArgs, report: ReportViolation) -> None:
        planned = seen.stack(args)
        _tell(rule, planned.values(), context, planned, report)

    return validate


def _tell(
    rule: Rule, subjects: Iterable[Resource], context: Context, planned: Mapping[str, Resource], report: ReportViolation
) -> None:
    outcomes = [(each.urn, outcome_of(rule, each, context, planned)) for each in subjects]
    # What no table knows is as strict as the rule where it is mandatory in prod; the engine has one level for a rule, so
    # elsewhere it is told as what cannot be decided is.
    level = rule.enforcement.level(context.environment)
    reported = rule.enforcement.of_uncovered(context.environment) is level
    for urn, outcome in outcomes:
        for message in outcome.violations:
            report(message, urn)
        if outcome.uncovered and reported:
            report(outcome.uncovered, urn)
    undecided = [outcome.undecided for _, outcome in outcomes if outcome.undecided]
    undecided += [outcome.uncovered for _, outcome in outcomes if outcome.uncovered and not reported]
    if undecided:
        raise CannotDecide("\n".join(undecided))


def _stack() -> str:
    """The stack's name; empty where a pack is only asked what it contains."""
    return str(pulumi.get_stack() or "")
