"""A plan held against all rules: what is told, what cannot be decided, and which inputs decide."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from delivery.rehearsal.policies import PoliciesSection
from delivery.rehearsal.sections import RehearsedPlan
from plan.document import read
from plan.inputs import Inputs
from plan.resource import Resource
from plan.tokens import UNKNOWN
from policies import RULES, Context, bearing, judge
from policies.check import Judge, Scene
from policies.coverage import checks_of, gap, reads_of, taken_for_harmless
from policies.judging import outcome_of, outcome_of_check
from policies.rule import Level, Rule
from policies.rules import rule_of
from tests.policies.aws import capacity, reach
from tests.policies.plans import IMAGE, TODAY, container, context, planned, task

_SECRET = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270"}
LISTENER = "aws:lb/listener:Listener"


def the_rule(id_: str) -> Rule:
    """A rule that is there."""
    rule = rule_of(id_)
    assert rule is not None
    return rule


def changed(rule: Rule, resource: Resource, judge: Judge) -> None:
    """Run a rule with another function."""
    check = replace(checks_of(rule)[resource.type], judge=judge)
    outcome_of_check(rule, check, resource, context(), {resource.urn: resource})


def test_a_mandatory_violation_refuses() -> None:
    """In prod; what is only told in dev does not stop it there."""
    key = planned("aws:kms/key:Key", "main", tags=reach.TAGS)

    in_prod, in_dev = judge([key], context("prod")), judge([key], context("dev"))

    assert [(each.rule, each.level) for each in in_prod.violations] == [("key-rotation", Level.MANDATORY)]
    assert [(each.rule, each.level) for each in in_dev.violations] == [("key-rotation", Level.ADVISORY)]
    assert (in_prod.refuses, in_dev.refuses) == (True, False)


def test_a_rule_that_is_off_is_not_counted() -> None:
    """The number of rules is that of the environment."""
    assert "scale-to-zero-in-dev" in {each.id for each in judge([], context("dev")).rules}
    assert "scale-to-zero-in-dev" not in {each.id for each in judge([], context("prod")).rules}


def test_an_environment_that_nobody_can_tell_counts_as_prod() -> None:
    """As does one with a name of its own."""
    nameless = Context.of("", {}, TODAY)
    other = Context.of("aws-ecs-dev", {"trimaran:environment": "quality"}, TODAY)

    assert nameless.environment == "prod"
    assert other.allowed == nameless.allowed
    assert "deletion-protection-in-prod" in {each.id for each in judge([], other).rules}


@pytest.mark.parametrize(
    ("stack", "config", "environment"),
    [
        ("aws-ecs-production", {}, "prod"),
        ("PROD", {"target": "aws-ecs"}, "prod"),
        ("aws-ecs-PROD", {}, "prod"),
        ("chat-prod", {"environment": "dev"}, "prod"),
        ("chat-dev", {"environment": "prod"}, "prod"),
        ("chat", {"environment": "dev"}, "dev"),
        ("aws-ecs-dev", {}, "dev"),
        ("aws-ecs", {}, "dev"),
    ],
)
def test_a_stack_is_held_as_the_strictest_that_is_said_of_it(
    stack: str, config: dict[str, str], environment: str
) -> None:
    """And as prod where nothing says what it is."""
    given = {f"trimaran:{key}": value for key, value in config.items()}

    assert Context.of(stack, given, TODAY).environment == environment


def test_an_unknown_input_is_named() -> None:
    """It neither passes nor fails."""
    report = judge([planned(capacity.TARGET, "scaling", maxCapacity=UNKNOWN)], context())

    assert report.violations == ()
    assert [(each.rule, each.message) for each in report.undecided] == [
        ("max-replicas", "scaling: cannot be decided: maxCapacity is not known before the first `up`.")
    ]


def test_what_is_known_is_judged_beside_what_is_not() -> None:
    """One unknown image does not hide the other container's tag."""
    both = task("task", container(name="a", image="nginx:1"), container(name="b", image=UNKNOWN))

    outcome = outcome_of(the_rule("image-digest"), both, context(), {})

    assert len(outcome.violations) == 1
    assert "the image of container 'b' is not known" in outcome.undecided


@pytest.mark.parametrize("hidden", ["[secret]"])
def test_a_secret_that_the_preview_hides_is_not_a_value(hidden: str) -> None:
    """What stands there instead is not judged."""
    outcome = outcome_of(
        the_rule("log-retention"),
        planned("aws:cloudwatch/logGroup:LogGroup", "l", retentionInDays=hidden),
        context(),
        {},
    )

    assert outcome.undecided == "l: cannot be decided: retentionInDays is secret and not shown in this preview."


def test_a_wrapped_secret_is_its_value() -> None:
    """The engine hands secrets over in a wrapper."""
    wrapped = {**_SECRET, "value": {"httpTokens": {**_SECRET, "value": "required"}}}

    outcome = outcome_of(the_rule("imdsv2"), capacity.template(metadataOptions=wrapped), context(), {})

    assert (outcome.violations, outcome.undecided) == ((), "")


@pytest.mark.parametrize(
    ("type_", "rule"),
    [
        ("aws:alb/loadBalancer:LoadBalancer", "no-public-ingress"),
        ("aws:alb/listener:Listener", "tls-only"),
        ("aws:s3/bucketV2:BucketV2", "no-public-bucket"),
    ],
)
def test_the_sdks_other_name_for_a_thing_escapes_no_rule(type_: str, rule: str) -> None:
    """Both tokens make the same thing."""
    assert rule in {each.rule for each in judge([planned(type_, "x")], context()).violations}


def test_reading_an_input_that_is_not_declared_fails() -> None:
    """So the list of inputs that decide is that of the code."""

    def check(resource: Inputs, scene: Scene) -> Iterator[str]:
        yield resource.text("namePrefix")

    with pytest.raises(LookupError, match="reads 'namePrefix' of aws:kms/key:Key, which its `reads` does not declare"):
        changed(the_rule("key-rotation"), planned("aws:kms/key:Key", "k"), check)


def test_a_cloud_may_have_its_own_words_for_what_to_do() -> None:
    """Its check's remedy takes the place of the rule's."""
    rule, key = the_rule("key-rotation"), planned("aws:kms/key:Key", "k")
    check = replace(checks_of(rule)[key.type], remedy="Turn it on in the console.")

    outcome = outcome_of_check(rule, check, key, context(), {key.urn: key})

    assert outcome.violations == ("k: enableKeyRotation is not true. Turn it on in the console.",)


def test_looking_at_peers_must_be_asked_for() -> None:
    """A rule that is judged one resource at a time would see none."""

    def check(resource: Inputs, scene: Scene) -> Iterator[str]:
        yield from (each.name for each in scene.of("aws:kms/key:Key"))

    with pytest.raises(LookupError, match="key-rotation looks at other resources without `among_peers`"):
        changed(the_rule("key-rotation"), planned("aws:kms/key:Key", "k"), check)


def test_every_declared_input_is_on_the_list() -> None:
    """And nothing else."""
    listed = {(type_, path) for type_, paths in bearing().items() for path in paths}

    assert listed == {(type_, path) for rule in RULES for type_, paths in reads_of(rule).items() for path in paths}
    assert ("aws:ecs/taskDefinition:TaskDefinition", "containerDefinitions") in listed


def test_rules_have_names_of_their_own() -> None:
    """An exception or a pack's configuration refers to them by name."""
    ids = [each.id for each in RULES]

    assert len(ids) == len(set(ids)) >= 18
    assert all(each.remedy.endswith(".") and each.title.endswith(".") and each.why.endswith(".") for each in RULES)


DOCUMENT: dict[str, Any] = {
    "config": {"aws:region": "us-east-1"},
    "steps": [
        {
            "op": "same",
            "urn": "urn:pulumi:aws-ecs-prod::t::pulumi:providers:aws::ours",
            "newState": {
                "urn": "urn:pulumi:aws-ecs-prod::t::pulumi:providers:aws::ours",
                "type": "pulumi:providers:aws",
                "inputs": {"region": "eu-west-1", "defaultTags": '{"tags":{"owner":"me"}}'},
            },
        },
        {
            "op": "create",
            "urn": "urn:pulumi:aws-ecs-prod::t::aws:lb/listener:Listener::web",
            "newState": {
                "urn": "urn:pulumi:aws-ecs-prod::t::aws:lb/listener:Listener::web",
                "type": LISTENER,
                "provider": "urn:pulumi:aws-ecs-prod::t::pulumi:providers:aws::ours::id-1",
                "inputs": {"port": 443, "sslPolicy": {**_SECRET, "value": "x"}},
                "propertyDependencies": {"loadBalancerArn": ["urn:edge"], "port": []},
            },
        },
        {
            "op": "read",
            "urn": "urn:pulumi:aws-ecs-prod::t::aws:ec2/vpc:Vpc::looked-up",
            "newState": {"urn": "urn:looked-up", "type": "aws:ec2/vpc:Vpc", "external": True, "inputs": {}},
        },
        {
            "op": "delete",
            "urn": "urn:pulumi:aws-ecs-prod::t::aws:lb/listener:Listener::gone",
            "oldState": {"urn": "urn:pulumi:aws-ecs-prod::t::aws:lb/listener:Listener::gone", "type": LISTENER},
        },
    ],
}


def test_a_rehearsals_section() -> None:
    """The count first; a mandatory violation refuses with its sentence."""
    section = PoliciesSection()
    config = {"trimaran:limits": {"regions": ["us-east-1"]}}

    judged = section.judge(RehearsedPlan(stack="aws-ecs-prod", config=config, digest=DOCUMENT))

    assert judged.lines[0] == f"{len(judge([], context()).rules)} rules, {len(judged.value['violations'])} violations"
    assert any("web would be in eu-west-1" in each for each in judged.refusals)
    assert ("aws:autoscaling/group:Group", "tags.key") in set(section.reads())


@pytest.mark.parametrize("region", [UNKNOWN, "[secret]", None])
def test_a_region_that_an_explicit_provider_hides_is_undecided(region: str | None) -> None:
    """It may be any, whatever the stack's config says; and no price is that of the config's region."""
    steps = [{**each, "newState": dict(each["newState"])} if "newState" in each else each for each in DOCUMENT["steps"]]
    steps[0]["newState"]["inputs"] = {} if region is None else {"region": region}
    config = {"aws:region": "us-east-1", "trimaran:limits": '{"regions": ["us-east-1"], "monthlyUsd": 900}'}
    plan = read({"config": config, "steps": steps})

    report = judge(plan.after.values(), Context.of(plan.stack, config, TODAY))

    told = {each.rule: each.message for each in report.undecided}
    assert "the region of web is not known" in told["region-allow-list"]


def test_an_image_is_a_digest_in_the_fixtures_too() -> None:
    """So that a case fails for its own reason only."""
    assert IMAGE.partition("@")[2].startswith("sha256:")


@pytest.mark.parametrize(
    ("limits", "undecided"),
    [
        ('{"monthlyUsd": "[secret]", "regions": ["us-east-1"]}', {"monthly-cost-cap"}),
        ('{"monthlyUsd": "nine"}', {"monthly-cost-cap"}),
        ('{"monthlyUsd": NaN}', {"monthly-cost-cap"}),
        ('{"monthlyUsd": true}', {"monthly-cost-cap"}),
        ('{"monthlyUsd": -1}', {"monthly-cost-cap"}),
        ('{"monthlyUsd": ["900"]}', {"monthly-cost-cap"}),
        ('{"regions": 5}', {"region-allow-list"}),
        ('{"regions": "us-east-1"}', {"region-allow-list"}),
        ('{"regions": ["us-east-1", "[secret]"]}', {"region-allow-list"}),
        ("[secret]", {"monthly-cost-cap", "region-allow-list"}),
        ("900", {"monthly-cost-cap", "region-allow-list"}),
        ("[" * 100_000, {"monthly-cost-cap", "region-allow-list"}),
        ('{"monthlyUsd": 900, "regions": ["us-east-1"]}', set()),
        ("{}", set()),
        ("", set()),
        ("null", set()),
    ],
    ids=[str(at) for at in range(16)],
)
def test_a_limit_that_cannot_be_read_leaves_its_rule_undecided(limits: str, undecided: set[str]) -> None:
    """With a sentence and no traceback; another limit is held all the same, and one that is not set is none."""
    one = planned("aws:kms/alias:Alias", "a")

    report = judge([one], context(limits=limits))

    assert {each.rule for each in report.undecided} == undecided
    assert all("trimaran:limits" in each.message for each in report.undecided)


@pytest.mark.parametrize(
    ("said", "is_public"),
    [
        (True, True),
        ("true", True),
        ("Yes", True),
        (1, True),
        (False, False),
        ("false", False),
        (None, False),
        ([], False),
    ],
    ids=str,
)
def test_a_stack_is_public_to_the_rules_as_it_is_to_the_program(said: object, is_public: bool) -> None:
    """Whose reader takes more than `true` for yes."""
    config = {"trimaran:ingress": json.dumps({"public": said})}

    assert Context.of("aws-ecs-prod", config, TODAY).public is is_public


def test_what_a_rule_passes_over_can_be_listed() -> None:
    """Whoever adds one reads it: a line that names its topic, or every topic, was written before the rule."""
    passed_over = taken_for_harmless("no-public-bucket")

    assert {"aws:ec2/vpc:Vpc", "aws:kms/key:Key", "aws:lambda/functionUrl:FunctionUrl"} <= set(passed_over)
    assert not {"aws:s3/bucket:Bucket", "aws:apprunner/service:Service"} & set(passed_over)
    rule = the_rule("no-public-bucket")
    assert all(gap(rule, planned(each, "x")) == "" for each in passed_over)
