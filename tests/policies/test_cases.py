"""Every rule with what keeps it and what breaks it, on every cloud, in inputs that its SDK itself would take."""

from __future__ import annotations

import importlib
from functools import cache
from pathlib import Path
from types import ModuleType

import pytest

from catalog.clouds import known_as
from plan.resource import STACK, Resource
from policies import RULES, judge
from policies.check import EVERY
from policies.coverage import _HARMLESS, checks_of, reads_of
from policies.judging import Outcome, outcome_of
from policies.rule import Rule
from policies.rules import TOPICS, rule_of
from providers.rehearsal.checking import check_strictly
from providers.rehearsal.findings import Finding, InputPlace
from providers.rehearsal.sdk import Sdk
from tests.policies.aws import capacity
from tests.policies.cases import Case
from tests.policies.plans import context

ROOT = Path(__file__).resolve().parents[2]


def clouds() -> list[str]:
    """The folders of clouds that judge anything."""
    return sorted(path.parent.name for path in (ROOT / "policies").glob("*/tables.py"))


@cache
def cases_of(cloud: str) -> ModuleType:
    """A cloud's cases."""
    path = f"tests/policies/{cloud}/cases.py"
    assert (ROOT / path).exists(), (
        f"policies/{cloud} has no cases: create {path} with SDK and CASES, good and bad for each rule"
    )
    return importlib.import_module(f"tests.policies.{cloud}.cases")


@cache
def sdk_of(cloud: str) -> Sdk:
    """The classes of a cloud's SDK."""
    return Sdk(cases_of(cloud).SDK)


CASES: list[tuple[str, Case]] = [(cloud, case) for cloud in clouds() for case in cases_of(cloud).CASES]
IDS = [f"{cloud}-{each.rule}-{at}" for at, (cloud, each) in enumerate(CASES)]
BAD = [(cloud, each) for cloud, each in CASES if each.bad]


@pytest.mark.parametrize(("cloud", "case"), CASES, ids=IDS)
def test_what_keeps_a_rule_passes(cloud: str, case: Case) -> None:
    """Without a violation, and decided."""
    outcomes = _outcomes(case, case.good)

    assert [each for each in outcomes if each.violations or each.undecided or each.uncovered] == []


@pytest.mark.parametrize(("cloud", "case"), BAD, ids=[f"{each.rule}: {each.says}" for _, each in BAD])
def test_what_breaks_a_rule_is_one_sentence(cloud: str, case: Case) -> None:
    """With the value seen, and the remedy at its end."""
    rule = _rule(case)

    messages = [message for each in _outcomes(case, case.bad) for message in each.violations]

    assert len(messages) == 1
    assert case.says in messages[0]
    assert messages[0].endswith(rule.remedy)


@pytest.mark.parametrize("cloud", clouds())
def test_every_check_of_a_cloud_has_both_cases(cloud: str) -> None:
    """Each row of its tables, and what is over the whole stack; the exceptions' own rule is judged on their file."""
    tables = importlib.import_module(f"policies.{cloud}.tables").CHECKS
    wanted = {(rule, type_) for table in tables for rule, checks in table.items() for type_ in checks}
    wanted |= {(rule.id, STACK) for rule in RULES if rule.over_stack and rule.id != "exceptions-in-date"}
    both = [each for each in cases_of(cloud).CASES if each.good and each.bad]
    covered = {(each.rule, known_as(one.type)) for each in both for one in (*each.good, *each.bad)}

    assert not wanted - covered, f"add cases to tests/policies/{cloud}/cases.py for {sorted(wanted - covered)}"


@pytest.mark.parametrize(("cloud", "case"), CASES, ids=IDS)
def test_cases_are_what_the_sdk_would_send(cloud: str, case: Case) -> None:
    """No name, type or nesting that its classes do not have; a rule about inputs that never come would never say no."""
    sdk = sdk_of(cloud)
    wrong = [
        finding.sentence
        for each in (*case.good, *case.bad)
        if each.type != STACK
        for finding in check_strictly(each.inputs, sdk.resource_type(each.type).inputs, InputPlace(), each.type)
        if isinstance(finding, Finding)
    ]

    assert wrong == []


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_what_a_rule_reads_exists(rule: Rule) -> None:
    """Types and paths are those of the SDK of their cloud."""
    for type_, paths in reads_of(rule).items():
        inputs = _sdk_with(type_).resource_type(type_).inputs
        for path in paths:
            shape = inputs
            for step in path.split("."):
                assert step.removesuffix("[]") in shape.members, f"{type_}: {path}"
                shape = shape.members[step.removesuffix("[]")].shape()
                shape = shape.element() if shape.element and step.endswith("[]") else shape
    assert all(type_ == STACK or type_ in _sdk_with(type_) for type_ in checks_of(rule))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_every_rule_is_checked_somewhere(rule: Rule) -> None:
    """One that no cloud's table has would never say no, and leave everything undecided."""
    topic = next(name for name, rules in TOPICS.items() if rule in rules)

    assert checks_of(rule), f"add a check of {rule.id} to policies/<cloud>/{topic}.py"


@pytest.mark.parametrize("cloud", clouds())
def test_every_file_of_a_cloud_is_in_its_tables(cloud: str) -> None:
    """A table that nobody reads would leave its types undecided."""
    tables = importlib.import_module(f"policies.{cloud}.tables")
    modules = [
        importlib.import_module(f"policies.{cloud}.{path.stem}") for path in (ROOT / "policies" / cloud).glob("*.py")
    ]
    missing = [
        each.__name__
        for each in modules
        if each is not tables and hasattr(each, "CHECKS") and each.CHECKS not in tables.CHECKS
    ]

    assert not missing, f"add to CHECKS in policies/{cloud}/tables.py: {missing}"
    used = {(rule, type_) for rule in RULES for type_ in checks_of(rule)}
    assert {
        (rule_of(id_), type_) for table in tables.CHECKS for id_, checks in table.items() for type_ in checks
    } <= used, f"add policies/{cloud}/tables.py to policies/coverage.py"


@pytest.mark.parametrize("cloud", clouds())
def test_what_is_declared_harmless_is_there_and_says_why(cloud: str) -> None:
    """Types of the SDK, topics and rules that exist, none that is checked for the type anyway."""
    names = {EVERY, *TOPICS, *(each.id for each in RULES)}
    for each in importlib.import_module(f"policies.{cloud}.tables").HARMLESS:
        assert each.why.endswith(".")
        assert set(each.topics) <= names
        assert [type_ for type_ in each.types if type_ not in sdk_of(cloud)] == []
        checked = {(rule.id, type_) for rule in RULES for type_ in checks_of(rule) if rule.id in each.topics}
        assert not {(id_, type_) for id_, type_ in checked if type_ in each.types}


@pytest.mark.parametrize("path", sorted((ROOT / "policies").glob("*/harmless.py")), ids=lambda path: path.parent.name)
def test_what_a_cloud_declares_harmless_is_read(path: Path) -> None:
    """Also where the cloud checks nothing: what nobody reads would leave its types undecided."""
    cloud = path.parent.name
    missing = [
        each.types for each in importlib.import_module(f"policies.{cloud}.harmless").HARMLESS if each not in _HARMLESS
    ]

    assert not missing, f"add policies/{cloud}/harmless.py to _HARMLESS in policies/coverage.py"


def test_a_plan_that_keeps_everything_is_quiet() -> None:
    """In each environment: no violation and nothing undecided."""
    edge = [*capacity.on_instances(4), capacity.CPU_TASK]

    report = judge(edge, context("staging"))

    quiet = {"required-tags", "budget-exists"}
    assert {each.rule for each in report.violations} <= quiet
    assert report.undecided == ()


def _sdk_with(type_: str) -> Sdk:
    return next((sdk_of(cloud) for cloud in clouds() if type_ in sdk_of(cloud)), sdk_of(clouds()[0]))


def _outcomes(case: Case, resources: tuple[Resource, ...]) -> list[Outcome]:
    planned = {each.urn: each for each in resources}
    surroundings = context(case.environment, **case.config)
    return [outcome_of(_rule(case), each, surroundings, planned) for each in planned.values()]


def _rule(case: Case) -> Rule:
    rule = rule_of(case.rule)
    assert rule is not None
    return rule
