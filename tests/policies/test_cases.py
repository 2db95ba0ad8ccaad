"""Every rule with what keeps it and what breaks it, in inputs that the SDK itself would take."""

from __future__ import annotations

import pytest

from plan.resource import STACK, Resource
from policies import RULES, judge
from policies.coverage import reads_of, types_of
from policies.judging import Outcome, outcome_of
from policies.rule import Rule
from policies.rules import rule_of
from providers.rehearsal.checking import check_strictly
from providers.rehearsal.findings import Finding, Place
from providers.rehearsal.sdk import Sdk
from tests.policies.cases import Case, capacity, reach, supply
from tests.policies.plans import context

CASES = (*capacity.CASES, *supply.CASES, *reach.CASES)
IDS = [f"{each.rule}-{at}" for at, each in enumerate(CASES)]


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_what_keeps_a_rule_passes(case: Case) -> None:
    """Without a violation, and decided."""
    outcomes = _outcomes(case, case.good)

    assert [each for each in outcomes if each.violations or each.undecided] == []


@pytest.mark.parametrize(
    "case", [each for each in CASES if each.bad], ids=[f"{each.rule}: {each.says}" for each in CASES if each.bad]
)
def test_what_breaks_a_rule_is_one_sentence(case: Case) -> None:
    """With the value seen, and the remedy at its end."""
    rule = _rule(case)

    messages = [message for each in _outcomes(case, case.bad) for message in each.violations]

    assert len(messages) == 1
    assert case.says in messages[0]
    assert messages[0].endswith(rule.remedy)


def test_every_rule_has_both_cases() -> None:
    """The exceptions' own rule is judged on their file, not on resources."""
    covered = {each.rule for each in CASES if each.good and each.bad}

    assert {each.id for each in RULES} - covered == {"exceptions-in-date"}


@pytest.fixture(scope="module")
def sdk() -> Sdk:
    """The classes of pulumi-aws."""
    return Sdk("pulumi_aws")


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_cases_are_what_the_sdk_would_send(case: Case, sdk: Sdk) -> None:
    """No name, type or nesting that its classes do not have; a rule about inputs that never come would never say no."""
    wrong = [
        finding.sentence
        for each in (*case.good, *case.bad)
        if each.type != STACK
        for finding in check_strictly(each.inputs, sdk.resource_type(each.type).inputs, Place(), each.type)
        if isinstance(finding, Finding)
    ]

    assert wrong == []


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_what_a_rule_reads_exists(rule: Rule, sdk: Sdk) -> None:
    """Types and paths are those of the SDK."""
    for type_, paths in reads_of(rule).items():
        inputs = sdk.resource_type(type_).inputs
        for path in paths:
            shape = inputs
            for step in path.split("."):
                assert step.removesuffix("[]") in shape.members, f"{type_}: {path}"
                shape = shape.members[step.removesuffix("[]")].shape()
                shape = shape.element() if shape.element and step.endswith("[]") else shape
    assert all(type_ == STACK or type_ in sdk for type_ in types_of(rule))


def test_a_plan_that_keeps_everything_is_quiet() -> None:
    """In each environment: no violation and nothing undecided."""
    edge = [*capacity.on_instances(4), capacity.CPU_TASK]

    report = judge(edge, context("staging"))

    quiet = {"required-tags", "budget-exists"}
    assert {each.rule for each in report.violations} <= quiet
    assert report.undecided == ()


def _outcomes(case: Case, resources: tuple[Resource, ...]) -> list[Outcome]:
    planned = {each.urn: each for each in resources}
    surroundings = context(case.environment, **case.config)
    return [outcome_of(_rule(case), each, surroundings, planned) for each in planned.values()]


def _rule(case: Case) -> Rule:
    rule = rule_of(case.rule)
    assert rule is not None
    return rule
