"""A plan of types that no table knows: refused in prod with what is undecided named, told elsewhere, never passed over."""

from __future__ import annotations

import pytest

from catalog.clouds import CLOUDS
from cost.amounts import State
from cost.estimate import estimate
from delivery.rehearsal.policies import PoliciesSection
from delivery.rehearsal.sections import RehearsedPlan
from plan.document import read
from plan.resource import Resource
from policies import RULES, Context, Report, judge
from policies.coverage import gap
from policies.exceptions import Excepted
from policies.rule import Level
from policies.rules import TOPICS
from tests.plan.made import created, state
from tests.policies.plans import TODAY, context, planned

RUN = "gcp:cloudrunv2/service:Service"
FIREWALL = "gcp:compute/firewall:Firewall"
LIMITS = {"monthlyUsd": "1", "regions": ["europe-west4"]}
DIGEST = created(
    state(
        RUN,
        "run",
        location="asia-east1",
        ingress="INGRESS_TRAFFIC_ALL",
        template={"containers": [{"image": "docker.io/x:latest", "envs": [{"name": "API_KEY", "value": "abc"}]}]},
    ),
    state(FIREWALL, "open", sourceRanges=["0.0.0.0/0"], allows=[{"protocol": "all"}]),
    **{"gcp:region": "asia-east1"},
)


def planned_as(environment: str) -> RehearsedPlan:
    """What a rehearsal hands over."""
    return RehearsedPlan(stack=f"gcp-cloud-run-{environment}", config={"trimaran:limits": LIMITS}, digest=DIGEST)


def judged(environment: str) -> Report:
    """The rules' report on the plan."""
    plan = planned_as(environment)
    config = {"trimaran:limits": '{"monthlyUsd": "1", "regions": ["europe-west4"]}'}
    return judge(read(plan.digest).after.values(), Context.of(plan.stack, config, TODAY))


def test_in_prod_it_is_refused_with_what_is_undecided_named() -> None:
    """The service and the firewall each by name and type, with the rules that nobody can hold against them."""
    judgement = PoliciesSection().judge(planned_as("prod"))

    refused = "\n".join(judgement.refusals)
    assert f"run: cannot be decided: no check of policies/gcp/ knows {RUN}" in refused
    assert f"open: cannot be decided: no check of policies/gcp/ knows {FIREWALL}" in refused
    for rule in ("image-digest", "registry-allow-list", "secrets-not-in-environment", "closed-security-groups"):
        assert rule in refused
    assert f"no family in cost/ says what {RUN}, {FIREWALL} costs. [monthly-cost-cap]" in refused
    assert "open and 1 more would be in asia-east1; trimaran:limits.regions allows europe-west4." in refused
    by_rule = {each["rule"]: each["enforcement"] for each in judgement.value["undecided"]}
    assert by_rule["image-digest"] == "mandatory"


def test_elsewhere_it_is_told_and_only_what_is_known_to_be_wrong_refuses() -> None:
    """Whoever tries something new in dev is not stopped by what nobody has written yet."""
    report = judged("dev")

    assert {each.level for each in report.undecided} == {Level.ADVISORY}
    assert {each.rule for each in report.undecided} >= {"image-digest", "closed-security-groups", "monthly-cost-cap"}
    assert all("would be in asia-east1" in each for each in report.refusals)


def test_every_topic_is_undecided_for_a_type_that_nobody_knows() -> None:
    """None passes for good; what holds for every type alike judges it."""
    undecided = {each.rule for each in judged("prod").undecided}

    for topic, rules in TOPICS.items():
        by_type = {rule.id for rule in rules if not rule.every_type and rule.enforcement.prod is not Level.OFF}
        assert by_type <= undecided, topic


def test_an_undecided_rule_is_as_strict_as_itself_in_prod() -> None:
    """What would only be advice where it is broken is advice where nobody can say."""
    levels = {each.rule: each.level for each in judged("prod").undecided}

    assert all(levels[rule.id] is rule.enforcement.prod for rule in RULES if rule.id in levels)
    assert (levels["image-digest"], levels["idle-timeout"]) == (Level.MANDATORY, Level.ADVISORY)


def test_what_it_costs_is_unknown_and_never_nothing() -> None:
    """Line by line."""
    result = estimate(DIGEST)

    assert [(line.name, line.state) for line in result.lines] == [("run", State.UNKNOWN), ("open", State.UNKNOWN)]
    assert result.total("after").at_least


def test_a_package_that_is_no_cloud_is_undecided_too() -> None:
    """Whatever a program brings along, with the place where its cloud would have to be said."""
    report = judge([planned("docker:index/container:Container", "side")], context(limits=LIMITS))

    messages = {each.rule: each.message for each in report.undecided}
    assert "no check of policies/ knows docker:index/container:Container" in messages["image-digest"]
    assert "no row of catalog/clouds.py says where side would be" in messages["region-allow-list"]


def test_a_state_that_the_engine_could_not_write_down_is_undecided() -> None:
    """A step without its new state is neither kept nor gone."""
    logs = "aws:cloudwatch/logGroup:LogGroup"
    old = state(logs, retentionInDays=30)
    document = {"config": {}, "steps": [{"op": "update", "urn": old["urn"], "oldState": old}]}

    report = judge(read(document).after.values(), context())

    assert ("log-retention", "one: cannot be decided: the engine could not write down what it will be.") in {
        (each.rule, each.message) for each in report.undecided
    }


@pytest.mark.parametrize(
    "made", [planned("pulumi:pulumi:StackReference", "below"), planned("pulumi:providers:gcp", "theirs")]
)
def test_what_no_cloud_sees_needs_no_table(made: Resource) -> None:
    """The engine's own types; a component makes nothing but its parts."""
    assert judge([made], context()).undecided == ()


def test_a_component_is_judged_by_its_parts() -> None:
    """Also one of a package that nobody knows."""
    component = Resource(
        urn="urn:pulumi:s::p::eks:index:Cluster::all", type="eks:index:Cluster", inputs={}, custom=False
    )

    assert judge([component], context()).undecided == ()


@pytest.mark.parametrize("cloud", [name for name, each in CLOUDS.items() if each.region_keys])
def test_a_wrong_region_is_a_violation_on_every_cloud(cloud: str) -> None:
    """By the table of clouds, without a line of code for each."""
    package, key = CLOUDS[cloud].packages[0], CLOUDS[cloud].region_keys[0]
    digest = created(state(f"{package}:some/thing:Thing"), region="", **{key: "nowhere"})

    report = judge(read(digest).after.values(), context(limits={"regions": ["somewhere"]}))

    assert [each.rule for each in report.violations if "one would be in nowhere" in each.message] == [
        "region-allow-list"
    ]


def test_an_exception_lets_an_unknown_type_pass_one_rule() -> None:
    """For a while, with a reason, like any other."""
    rule = "image-digest"
    excepted = Excepted(rule=rule, resource="run", reason="a trial", expires=TODAY)

    report = judge([planned(RUN, "run")], context(exceptions=(excepted,)))

    assert rule not in {each.rule for each in report.undecided}
    assert [(each.rule, each.message) for each in report.excepted] == [
        (
            rule,
            f"run: cannot be decided: no check of policies/gcp/ knows {RUN}, and none of its lists declares it harmless.",
        )
    ]
    assert "registry-allow-list" in {each.rule for each in report.undecided}


def test_the_gap_is_that_of_the_type_not_of_its_inputs() -> None:
    """A type that a rule checks, looks at, or that is declared harmless for it leaves none."""
    (digest,) = (rule for rule in RULES if rule.id == "image-digest")

    assert gap(digest, planned("aws:ecs/taskDefinition:TaskDefinition", "t")) == ""
    assert gap(digest, planned("aws:ec2/vpc:Vpc", "v")) == ""
    assert "knows aws:apprunner/service:Service" in gap(digest, planned("aws:apprunner/service:Service", "s"))
