"""The finer points of single rules, as tables of inputs and what is said of them."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from plan.resource import Resource
from plan.tokens import HIDDEN, UNKNOWN
from policies import judge
from policies.aws.gpus import kinds_of
from policies.judging import Outcome, outcome_of
from policies.rules import rule_of
from tests.policies.aws import capacity, reach, supply
from tests.policies.plans import DIGEST, container, context, iam, planned, task, the_stack, urn

SERVICE = "aws:ecs/service:Service"
TOPIC_POLICY = "aws:sns/topicPolicy:TopicPolicy"
FUNCTION = "aws:lambda/function:Function"
_ISSUER = "token.actions.githubusercontent.com"


def said(rule_id: str, resource: Resource, environment: str = "prod", **config: Any) -> tuple[str, ...]:
    """What a rule says of one resource on its own."""
    rule = rule_of(rule_id)
    assert rule is not None
    outcome = outcome_of(rule, resource, context(environment, **config), {resource.urn: resource})
    assert outcome.undecided == ""
    return tuple(
        each.removeprefix(f"{resource.name}: ").removesuffix(rule.remedy).strip() for each in outcome.violations
    )


@pytest.mark.parametrize(
    ("name", "value", "is_secret"),
    [
        ("HF_TOKEN", "abc", True),
        ("API_KEY", "abc", True),
        ("TRIMARAN_API_KEYS", "me=abc", True),
        ("DB_PASSWORD", "abc", True),
        ("GREETING", "sk-proj-0123456789abcdef0123", True),
        ("NOTE", "AKIAIOSFODNN7EXAMPLE", True),
        ("TRIMARAN_REDIS_URL", "rediss://user:hunter2@cache:6379", True),
        ("DATABASE", "postgresql+psycopg2://user:hunter2@db:5432/x", True),
        ("DATABASE", "HTTPS://user:hunter:2@db/x", True),
        ("DATABASE", "git+ssh://user@db/x:y@z", False),
        ("DATABASE", "postgresql+psycopg2://db:5432/x", False),
        ("PRIVATE", "-----BEGIN RSA PRIVATE KEY-----", True),
        ("TRIMARAN_API_KEYS_FILE", "/run/keys", False),
        ("KEY_ENV", "NAME", False),
        ("SECRET_ARN", "arn:aws:secretsmanager:…", False),
        ("TRIMARAN_ALLOW_NO_KEYS", "1", False),
        ("MAX_TOKENS", "4096", False),
        ("TOKENIZER", "llama", False),
        ("TRIMARAN_REDIS_URL", "rediss://cache:6379", False),
        ("API_KEY", "", False),
    ],
)
def test_secrets_are_told_by_name_and_by_value(name: str, value: str, is_secret: bool) -> None:
    """The value itself is never shown."""
    found = said("secrets-not-in-environment", task("t", container(environment=[{"name": name, "value": value}])))

    assert found == ((f"container 'app' has a readable value in {name}.",) if is_secret else ())


def test_a_functions_environment_counts_too() -> None:
    """The same words, the other shape."""
    function = planned(FUNCTION, "proxy", role="r", environment={"variables": {"API_TOKEN": "abc", "PORT": "1"}})

    assert said("secrets-not-in-environment", function) == ("environment.variables has a readable value in API_TOKEN.",)


@pytest.mark.parametrize(
    ("image", "registry"),
    [
        (f"123456789012.dkr.ecr.eu-west-1.amazonaws.com/a/b@{DIGEST}", None),
        (f"public.ecr.aws/aws-observability/aws-otel-collector@{DIGEST}", None),
        (f"public.ecr.aws/somebody/else@{DIGEST}", "public.ecr.aws/somebody/else"),
        (f"vllm/vllm-openai:v1@{DIGEST}", "docker.io/vllm/vllm-openai"),
        (f"ghcr.io:443/a/b:1@{DIGEST}", "ghcr.io:443/a/b"),
        (
            f"evil.example/123456789012.dkr.ecr.x.amazonaws.com@{DIGEST}",
            "evil.example/123456789012.dkr.ecr.x.amazonaws.com",
        ),
        (
            f"evil.example.com/a.dkr.ecr.b.amazonaws.com/app@{DIGEST}",
            "evil.example.com/a.dkr.ecr.b.amazonaws.com/app",
        ),
        (
            f"123456789012.dkr.ecr.us-east-1.evil.amazonaws.com/a@{DIGEST}",
            "123456789012.dkr.ecr.us-east-1.evil.amazonaws.com/a",
        ),
        (f"123456789012.dkr.ecr.s3.amazonaws.com/a@{DIGEST}", "123456789012.dkr.ecr.s3.amazonaws.com/a"),
        (
            f"123456789012.dkr.ecr.s3-us-west-2.amazonaws.com/a@{DIGEST}",
            "123456789012.dkr.ecr.s3-us-west-2.amazonaws.com/a",
        ),
        (f"123456789012.dkr.ecr.us-gov-west-1.amazonaws.com/a@{DIGEST}", None),
    ],
)
def test_an_images_registry(image: str, registry: str | None) -> None:
    """A short name is one on the public hub; a path that looks like a registry is none."""
    wanted = (
        ()
        if registry is None
        else (f"the image of container 'app' comes from '{registry}', which is no registry of yours.",)
    )

    assert said("registry-allow-list", task("t", container(image=image))) == wanted


def test_a_list_that_names_accounts_keeps_strangers_out() -> None:
    """The account is the first part of an ECR registry's name."""
    rule = rule_of("registry-allow-list")
    assert rule is not None
    ours = context()
    ours = replace(ours, allowed=replace(ours.allowed, registries=("123456789012.dkr.ecr.*.amazonaws.com/*",)))
    own, stranger = (
        task("t", container(image=f"{account}.dkr.ecr.us-east-1.amazonaws.com/a@{DIGEST}"))
        for account in ("123456789012", "999999999999")
    )

    assert outcome_of(rule, own, ours, {}).violations == ()
    assert len(outcome_of(rule, stranger, ours, {}).violations) == 1


@pytest.mark.parametrize(
    ("image", "is_pinned"),
    [
        (f"a/b@{DIGEST}", True),
        (f"a/b:1@{DIGEST}", True),
        ("a/b:1", False),
        ("a/b@sha256:abc", False),
        (f"a/b@{DIGEST}-x", False),
    ],
)
def test_a_digest_is_64_hex_digits(image: str, is_pinned: bool) -> None:
    """Nothing less, nothing more."""
    assert (said("image-digest", planned(FUNCTION, "f", role="r", imageUri=image)) == ()) is is_pinned


@pytest.mark.parametrize(
    ("statement", "says"),
    [
        ({"Action": "s3:GetObject", "Resource": "*"}, None),
        ({"Action": "s3:*", "Resource": "arn:aws:s3:::mine/*"}, None),
        ({"Action": ["ecr:GetAuthorizationToken"], "Resource": "*"}, None),
        ({"Action": "*", "Resource": "arn:aws:s3:::mine"}, "a statement allows the action *."),
        ({"Action": "s3:*", "Resource": ["arn:x", "*"]}, "a statement allows the action s3:* on every resource."),
        ({"Action": "bedrock:*", "Resource": "arn:x"}, "a statement allows the action bedrock:*."),
        ({"Action": "iam:PassRole", "Resource": "*"}, "a statement allows the action iam:PassRole on every resource."),
        ({"NotAction": "iam:*", "Resource": "*"}, "a statement allows everything except its NotAction."),
        ({"Effect": "Deny", "Action": "*", "Resource": "*"}, None),
        ({"Action": "**", "Resource": "*"}, "a statement allows the action **."),
        ({"Action": "?*", "Resource": "arn:x"}, "a statement allows the action ?*."),
        ({"Action": "iam:**", "Resource": "*"}, "a statement allows the action iam:** on every resource."),
        ({"Action": "iam:Pass*", "Resource": "*"}, "a statement allows the action iam:Pass* on every resource."),
        ({"Action": "IAM:?assRole", "Resource": "**"}, "a statement allows the action IAM:?assRole on every resource."),
        (
            {"Action": "iam:PassRole", "Resource": "arn:aws:iam::*:role/*"},
            "a statement allows the action iam:PassRole on every resource.",
        ),
        ({"Action": "iam:PassRole", "Resource": "arn:aws:iam::1:role/ours-*"}, None),
        (
            {"Action": "iam:*", "Resource": "arn:aws:iam::*:*"},
            "a statement allows the action iam:* on every resource.",
        ),
        ({"Action": "iam:*", "Resource": "**"}, "a statement allows the action iam:* on every resource."),
        ({"Action": "iam:*", "Resource": "arn:aws:iam::1:role/ours"}, None),
        ({"Action": "s3:*", "Resource": "arn:aws:s3:::*/*"}, "a statement allows the action s3:* on every resource."),
        (
            {"Action": "s3:*", "NotResource": "arn:aws:s3:::mine"},
            "a statement allows the action s3:* on every resource.",
        ),
        ({"Action": "s3:Get*", "NotResource": "arn:aws:s3:::mine"}, None),
        ({"Action": "s3:Get*", "Resource": "*"}, None),
        ({"Action": "bedrock:**", "Resource": "arn:x"}, "a statement allows the action bedrock:**."),
    ],
)
def test_which_statements_are_too_wide(statement: dict[str, Any], says: str | None) -> None:
    """What is denied may be as wide as it likes."""
    policy = planned(supply.POLICY, "p", policy=iam({"Effect": "Allow", **statement}))

    assert said("no-wildcard-iam", policy) == ((says,) if says else ())


_OWN = "arn:aws:bedrock:us-east-1:1:application-inference-profile/*"
_TAG = "aws:ResourceTag/trimaran-stack"


@pytest.mark.parametrize(
    ("resource", "condition", "is_open"),
    [
        (_OWN, {"StringEquals": {_TAG: "aws-ecs-prod"}}, False),
        (_OWN, {"StringLike": {_TAG.upper(): ["aws-ecs-prod"]}}, False),
        (_OWN, {"ForAnyValue:StringEquals": {_TAG: "aws-ecs-prod"}}, False),
        (
            _OWN.replace("application-inference-profile", "provisioned-model"),
            {"StringEquals": {_TAG: "aws-ecs-prod"}},
            False,
        ),
        (_OWN, {}, True),
        (_OWN, {"StringEqualsIfExists": {_TAG: "aws-ecs-prod"}}, True),
        (_OWN, {"ForAllValues:StringEquals": {_TAG: ["aws-ecs-prod"]}}, True),
        (_OWN, {"StringNotEquals": {_TAG: "aws-ecs-prod"}}, True),
        (_OWN, {"StringLike": {_TAG: ["aws-ecs-prod", "*"]}}, True),
        (_OWN, {"StringLike": {_TAG: "aws-ecs-*"}}, True),
        (_OWN, {"StringEquals": {_TAG: "aws-ecs-dev"}}, True),
        (_OWN, {"StringEquals": {_TAG: ["aws-ecs-prod", "aws-ecs-dev"]}}, True),
        (_OWN, {"StringEquals": {"aws:ResourceTag/owner": "aws-ecs-prod"}}, True),
        (_OWN.replace("us-east-1:1", "*:*"), {"StringEquals": {_TAG: "aws-ecs-prod"}}, True),
        (_OWN.replace("us-east-1", "us-*"), {"StringEquals": {_TAG: "aws-ecs-prod"}}, True),
        (_OWN.replace(":1:", ":*:"), {"StringEquals": {_TAG: "aws-ecs-prod"}}, True),
    ],
)
def test_a_model_is_named_by_the_stacks_own_tag_alone(resource: str, condition: Any, is_open: bool) -> None:
    """In one region and account, by a condition that holds only where the tag is there and is this stack's."""
    statement = {"Effect": "Allow", "Action": "bedrock:InvokeModel", "Resource": resource, "Condition": condition}

    found = said("no-bedrock-wildcard", planned(supply.POLICY, "p", policy=iam(statement)))

    assert found == ((f"a statement allows calling models of Bedrock on {resource}.",) if is_open else ())


@pytest.mark.parametrize(
    ("action", "calls"),
    [
        ("InvokeModel", True),
        ("InvokeModelWithResponseStream", True),
        ("InvokeModelWithBidirectionalStream", True),
        ("CreateModelInvocationJob", True),
        ("*Bidirectional*", True),
        ("GetInferenceProfile", False),
        ("ListFoundationModels", False),
    ],
)
def test_which_actions_call_a_model(action: str, calls: bool) -> None:
    """Whole, as a stream either way, in batches; looking at what there is calls none."""
    statement = {"Effect": "Allow", "Action": f"bedrock:{action}", "Resource": "*"}

    assert bool(said("no-bedrock-wildcard", planned(supply.POLICY, "p", policy=iam(statement)))) is calls


def test_administrators_are_found_wherever_they_are_made() -> None:
    """By an attachment, in a role's list, in an inline policy."""
    arn = "arn:aws:iam::aws:policy/AdministratorAccess"
    inline = [{"name": "all", "policy": iam({"Effect": "Allow", "Action": "*", "Resource": "*"})}]
    attachment = planned("aws:iam/rolePolicyAttachment:RolePolicyAttachment", "a", role="r", policyArn=arn)
    role = planned(supply.ROLE, "r", assumeRolePolicy=iam(), managedPolicyArns=[arn], inlinePolicies=inline)

    assert said("no-wildcard-iam", attachment) == ("it is given AdministratorAccess.",)
    assert said("no-wildcard-iam", role) == ("it is given AdministratorAccess.", "a statement allows the action *.")


@pytest.mark.parametrize(
    ("subject", "is_bound"),
    [
        ("repo:owner/name:environment:prod", True),
        ("repo:owner/name:pull_request", True),
        ("repo:owner/name:ref:refs/heads/main", True),
        ("repo:owner/name:*", False),
        ("repo:owner/*:environment:prod", False),
        ("repo:*/*:environment:prod", False),
        ("repo:owner/name:environment:*", False),
        ("*", False),
    ],
)
def test_which_subjects_are_bound(subject: str, is_bound: bool) -> None:
    """To one repository, and within it to one environment, branch or event."""
    assert (said("bound-trust", supply.pipeline(subject)) == ()) is is_bound


@pytest.mark.parametrize(
    ("trust", "says"),
    [
        ({"Principal": "*", "Action": "sts:AssumeRole"}, "everybody in AWS may take this role."),
        ({"Principal": {"AWS": ["*"]}, "Action": "sts:AssumeRole"}, "everybody in AWS may take this role."),
        (
            {"Principal": {"Federated": f"arn:x/{_ISSUER}"}, "Action": "x"},
            "every repository on GitHub may take this role.",
        ),
        ({"Principal": {"Service": "ecs-tasks.amazonaws.com"}, "Action": "sts:AssumeRole"}, None),
    ],
)
def test_who_may_take_a_role(trust: dict[str, Any], says: str | None) -> None:
    """A service of AWS, or somebody who is named."""
    role = planned(supply.ROLE, "r", assumeRolePolicy=iam({"Effect": "Allow", **trust}))

    assert said("bound-trust", role) == ((says,) if says else ())


_OURS = "123456789012"


@pytest.mark.parametrize(
    ("principal", "condition", "is_open"),
    [
        ({"AWS": f"arn:aws:iam::{_OURS}:root"}, {}, False),
        ({"Service": "cloudwatch.amazonaws.com"}, {}, False),
        ("*", {}, True),
        ({"AWS": "*"}, {}, True),
        ({"AWS": [f"arn:aws:iam::{_OURS}:root", "*"]}, {}, True),
        ("*", {"StringEquals": {"aws:SourceAccount": _OURS}}, False),
        ("*", {"StringEquals": {"AWS:PrincipalOrgId": ["o-1", "o-2"]}}, False),
        ("*", {"ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": "o-1/r-1/*"}}, False),
        ("*", {"ArnLike": {"aws:SourceArn": f"arn:aws:s3:*:{_OURS}:*"}}, False),
        ("*", {"ArnLike": {"aws:SourceArn": "arn:aws:s3:::weights"}}, False),
        ("*", {"StringEquals": {"kms:CallerAccount": _OURS, "kms:ViaService": "ec2.us-east-1.amazonaws.com"}}, False),
        ("*", {"StringEquals": {"kms:ViaService": "ec2.us-east-1.amazonaws.com"}}, True),
        ("*", {"Bool": {"aws:SecureTransport": "true"}}, True),
        ("*", {"StringNotEquals": {"aws:SourceAccount": _OURS}}, True),
        ("*", {"StringEqualsIfExists": {"aws:SourceAccount": _OURS}}, True),
        ("*", {"ForAllValues:StringEquals": {"aws:PrincipalOrgID": "o-1"}}, True),
        ("*", {"StringLike": {"aws:SourceAccount": "*"}}, True),
        ("*", {"StringLike": {"aws:SourceAccount": [_OURS, "*"]}}, True),
        ("*", {"ArnLike": {"aws:SourceArn": "arn:aws:s3:*:*:*"}}, True),
        ("*", {"ArnLike": {"aws:SourceArn": "arn:aws:s3:::*"}}, True),
    ],
)
def test_a_policy_for_everybody_must_be_bound_by_a_condition(principal: Any, condition: Any, is_open: bool) -> None:
    """By one that says whose the caller is, and that holds only where it is said."""
    statement = {"Effect": "Allow", "Principal": principal, "Action": "kms:*", "Resource": "*", "Condition": condition}

    found = said("bound-trust", planned("aws:kms/key:Key", "k", policy=iam(statement)))

    assert found == (("everybody is allowed kms:* on it.",) if is_open else ())


def test_everybody_except_some_is_everybody() -> None:
    """And a statement that denies opens nothing."""
    allow = {"Effect": "Allow", "NotPrincipal": {"AWS": "arn:aws:iam::1:root"}, "Action": "sns:*", "Resource": "*"}
    deny = {"Effect": "Deny", "Principal": "*", "Action": "sns:*", "Resource": "*"}

    assert said("bound-trust", planned(TOPIC_POLICY, "p", arn="a", policy=iam(allow))) == (
        "everybody is allowed sns:* on it.",
    )
    assert said("bound-trust", planned(TOPIC_POLICY, "p", arn="a", policy=iam(deny))) == ()


@pytest.mark.parametrize(
    ("inputs", "name"),
    [
        ({"type": "String", "name": "/trimaran/openai.api-key", "value": "abc"}, "openai_api_key"),
        ({"type": "String", "value": "abc"}, "api_key"),
        ({"type": "StringList", "name": "/a/tokens-of/hub_token", "value": "abc,def"}, "hub_token"),
        ({"type": "String", "name": "/a/note", "value": "sk-proj-0123456789abcdef0123"}, "note"),
        ({"type": "String", "name": "/a/hub_token", "insecureValue": "abc"}, "hub_token"),
        ({"type": "SecureString", "name": "/a/hub_token", "value": "abc"}, ""),
        ({"type": "String", "name": "/a/token/region", "value": "us-east-1"}, ""),
        ({"type": "String", "name": "/a/max-tokens", "value": "4096"}, ""),
    ],
)
def test_a_parameter_that_is_not_encrypted_holds_no_key(inputs: dict[str, Any], name: str) -> None:
    """Told by its name, or by a value that looks like one; the value is never shown."""
    found = said("secrets-not-in-environment", planned("aws:ssm/parameter:Parameter", "api-key", **inputs))

    assert found == ((f"a parameter of type {inputs['type']} has a readable value in {name}.",) if name else ())


def test_an_encrypted_parameters_value_is_not_read() -> None:
    """It is hidden, and hiding it leaves nothing open; that of another one stays undecided until it can be seen."""
    rule = rule_of("secrets-not-in-environment")
    assert rule is not None
    hidden, open_ = (
        planned("aws:ssm/parameter:Parameter", "p", type=each, name="/a/token", value=HIDDEN)
        for each in ("SecureString", "String")
    )

    assert outcome_of(rule, hidden, context(), {}) == Outcome()
    assert "value is secret and not shown" in outcome_of(rule, open_, context(), {}).undecided


@pytest.mark.parametrize(
    ("ranges", "ports", "public", "says"),
    [
        ("10.0.0.0/8", (8000, 8000), False, None),
        ("203.0.113.7/32", (8000, 8000), False, None),
        ("0.0.0.0/0", (443, 443), False, "0.0.0.0/0 may connect to port 443."),
        ("0.0.0.0/0", (443, 443), True, None),
        ("0.0.0.0/0", (80, 443), True, "0.0.0.0/0 may connect to ports 80-443."),
        ("128.0.0.0/1", (22, 22), True, "128.0.0.0/1 may connect to port 22."),
    ],
)
def test_which_ranges_are_the_world(ranges: str, ports: tuple[int, int], public: bool, says: str | None) -> None:
    """On the ports of the web it may come in where the stack is public."""
    opened = reach.opened(cidrIpv4=ranges, fromPort=ports[0], toPort=ports[1])

    assert said("closed-security-groups", opened, ingress={"public": public}) == ((says,) if says else ())


def test_what_goes_out_is_no_ingress() -> None:
    """A rule of the old kind says its direction."""
    rule = {"securityGroupId": "sg-1", "protocol": "-1", "fromPort": 0, "toPort": 0, "cidrBlocks": ["0.0.0.0/0"]}
    kind = "aws:ec2/securityGroupRule:SecurityGroupRule"

    assert said("closed-security-groups", planned(kind, "out", type="egress", **rule)) == ()
    assert said("closed-security-groups", planned(kind, "in", type="ingress", **rule)) == (
        "0.0.0.0/0 may connect to every port.",
    )


@pytest.mark.parametrize(
    ("instance_type", "kinds"),
    [("g6.xlarge", ("L4",)), ("g6.*", ("L4",)), ("p5*", ("H100", "H200")), ("m7i.large", ()), ("trn1.32xlarge", ("",))],
)
def test_what_an_instance_type_brings(instance_type: str, kinds: tuple[str, ...]) -> None:
    """A wildcard brings all that it matches; an accelerator that the catalog lacks is not nothing."""
    assert kinds_of(instance_type) == kinds


def test_a_type_that_ecs_may_choose_counts() -> None:
    """As does one among a group's alternatives."""
    chosen = {"instanceLaunchTemplate": {"instanceRequirements": {"allowedInstanceTypes": ["g6.*", "p5.48xlarge"]}}}
    provider = planned("aws:ecs/capacityProvider:CapacityProvider", "p", managedInstancesProvider=chosen)
    overrides = {"launchTemplate": {"overrides": [{"instanceType": "g6.xlarge"}, {"instanceType": "g6e.xlarge"}]}}
    group = planned("aws:autoscaling/group:Group", "g", maxSize=1, minSize=0, mixedInstancesPolicy=overrides)

    assert said("gpu-allow-list", provider, "dev") == ("p5.48xlarge has H100 GPUs; dev allows T4, L4, A10G.",)
    assert said("gpu-allow-list", group, "dev") == ("g6e.xlarge has L40S GPUs; dev allows T4, L4, A10G.",)


@pytest.mark.parametrize("number", ["Infinity", "NaN", "sNaN", "many"])
def test_what_is_no_number_decides_nothing_and_stops_nothing(number: str) -> None:
    """Not a limit that is kept, and not the end of the judge; the numbers beside it are judged."""
    hungry = task("task", container(resourceRequirements=[{"type": "GPU", "value": number}]))
    resources = [planned(SERVICE, "app", {"taskDefinition": hungry.urn}, name="app", desiredCount=1), hungry]
    resources += [capacity.target(41), replace(capacity.target(1), urn=urn(capacity.TARGET, "other"))]
    resources[-1] = replace(resources[-1], inputs={**resources[-1].inputs, "maxCapacity": number})
    resources.append(reach.budget(number))

    report = judge(resources, context(limits={"monthlyUsd": "900"}))

    told = {(each.rule, each.message) for each in report.undecided}
    assert ("max-replicas", f"other: cannot be decided: maxCapacity is '{number}', not a number.") in told
    assert ("always-on-in-prod", "app: cannot be decided: the GPUs of container 'app' are not a known number.") in told
    assert any(rule == "budget-exists" and f"limitAmount is '{number}'" in message for rule, message in told)
    assert "max-replicas" in {each.rule for each in report.violations}


def test_a_tag_that_is_not_known_yet_is_there() -> None:
    """Its value is somebody's output, so it is not forgotten."""
    key = planned("aws:kms/key:Key", "k", tags={**reach.TAGS, "owner": UNKNOWN})

    assert said("required-tags", key) == ()


def test_what_may_not_be_told_is_not_told() -> None:
    """A document that is no JSON names the input, not its text."""
    rule = rule_of("image-digest")
    assert rule is not None
    broken = planned("aws:ecs/taskDefinition:TaskDefinition", "t", family="t", containerDefinitions="{secret")

    outcome = outcome_of(rule, broken, context(), {})

    assert outcome.undecided == "t: cannot be decided: containerDefinitions is not JSON."
    assert json.dumps(outcome.violations) == "[]"


@pytest.mark.parametrize(
    "statement",
    [
        {"Effect": UNKNOWN, "Action": "*", "Resource": "*"},
        {"Effect": "Allow", "Action": UNKNOWN, "Resource": "*"},
        {"Effect": "Allow", "Action": ["s3:GetObject", UNKNOWN], "Resource": "*"},
        {"Effect": "Allow", "Action": "s3:*", "Resource": UNKNOWN},
        {"Effect": "Allow", "Action": HIDDEN, "Resource": "*"},
        UNKNOWN,
    ],
    ids=str,
)
def test_a_structured_policy_with_a_gap_is_undecided(statement: Any) -> None:
    """What nobody can read yet is not taken for narrow; a wide action beside it is told all the same."""
    rule = rule_of("no-wildcard-iam")
    assert rule is not None
    wide = {"Effect": "Allow", "Action": "*", "Resource": "*"}

    alone, both = (
        outcome_of(rule, planned(supply.POLICY, "p", policy={"Statement": each}), context(), {})
        for each in ([statement], [statement, wide])
    )

    assert (alone.violations, bool(alone.undecided)) == ((), True)
    assert ("a statement allows the action *." in both.violations[0], bool(both.undecided)) == (True, True)


def test_what_does_not_decide_may_stay_unknown() -> None:
    """One action on a resource that is made with the policy is narrow whatever it is called."""
    narrow = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": UNKNOWN}

    assert said("no-wildcard-iam", planned(supply.POLICY, "p", policy={"Statement": [narrow]})) == ()


_WORLD = {"protocol": "-1", "fromPort": 0, "toPort": 0, "cidrBlocks": ["0.0.0.0/0"]}
_OPEN_TRUST = {"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"}
_GROUP = "aws:ec2/securityGroup:SecurityGroup"
_OF_GITHUB = {
    "Effect": "Allow",
    "Principal": {"Federated": f"arn:x/{_ISSUER}"},
    "Action": "x",
    "Condition": {
        "StringEquals": {f"{_ISSUER}:sub": UNKNOWN},
        "StringLike": {f"{_ISSUER}:sub": [UNKNOWN, "repo:*/*:environment:prod"]},
    },
}
_AMONG_IMAGES = task("t", container(name="a", image=UNKNOWN), container(name="b", image="nginx:1"))
_BEHIND_AN_UNKNOWN: list[tuple[str, str, Resource]] = [
    ("prod", "closed-security-groups", planned(_GROUP, "g", ingress=[UNKNOWN, _WORLD])),
    ("prod", "closed-security-groups", planned(_GROUP, "g", ingress=[{**_WORLD, "cidrBlocks": [UNKNOWN]}, _WORLD])),
    ("prod", "closed-security-groups", planned(_GROUP, "g", ingress=[{**_WORLD, "cidrBlocks": [UNKNOWN, "::/0"]}])),
    ("prod", "closed-security-groups", reach.opened(cidrIpv4=UNKNOWN, cidrIpv6="::/0")),
    ("prod", "image-digest", _AMONG_IMAGES),
    ("prod", "registry-allow-list", _AMONG_IMAGES),
    ("prod", "immutable-tags", planned("aws:ecr/repository:Repository", "r", imageTagMutability=UNKNOWN)),
    ("prod", "health-checks", task("t", container(healthCheck=UNKNOWN), container(name="b", healthCheck=None))),
    (
        "prod",
        "no-public-bucket",
        planned("aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock", "b", blockPublicAcls=UNKNOWN),
    ),
    (
        "prod",
        "encrypted-cache",
        planned("aws:elasticache/replicationGroup:ReplicationGroup", "c", transitEncryptionEnabled=UNKNOWN),
    ),
    ("prod", "rollback-configured", capacity.service(deploymentCircuitBreaker=UNKNOWN, alarms=None)),
    (
        "dev",
        "gpu-allow-list",
        planned(
            capacity.GROUP,
            "g",
            mixedInstancesPolicy={
                "launchTemplate": {"overrides": [{"instanceType": UNKNOWN}, {"instanceType": "p5.48xlarge"}]}
            },
        ),
    ),
    (
        "dev",
        "gpu-allow-list",
        planned(
            capacity.PROVIDER,
            "p",
            managedInstancesProvider={
                "instanceLaunchTemplate": {"instanceRequirements": {"allowedInstanceTypes": [UNKNOWN, "p5.48xlarge"]}}
            },
        ),
    ),
    (
        "prod",
        "no-wildcard-iam",
        planned(supply.ROLE, "r", managedPolicyArns=[UNKNOWN, "arn:aws:iam::aws:policy/AdministratorAccess"]),
    ),
    ("prod", "bound-trust", planned(supply.ROLE, "r", assumeRolePolicy={"Statement": [UNKNOWN, _OPEN_TRUST]})),
    ("prod", "bound-trust", planned(supply.ROLE, "r", assumeRolePolicy={"Statement": [_OF_GITHUB]})),
    (
        "prod",
        "bound-trust",
        planned("aws:kms/key:Key", "k", policy={"Statement": [{**_OPEN_TRUST, "Principal": UNKNOWN}, _OPEN_TRUST]}),
    ),
    (
        "prod",
        "secrets-not-in-environment",
        task(
            "t",
            container(environment=[{"name": "API_KEY", "value": UNKNOWN}]),
            container(name="b", environment=[{"name": "API_KEY", "value": "abc"}]),
        ),
    ),
    (
        "prod",
        "secrets-not-in-environment",
        planned(
            "aws:ssm/parameter:Parameter",
            "p",
            type="String",
            name="/t",
            value=UNKNOWN,
            insecureValue="AKIAIOSFODNN7EXAMPLE",
        ),
    ),
    (
        "prod",
        "encrypted-disks",
        capacity.template(blockDeviceMappings=[{"ebs": UNKNOWN}, {"deviceName": "b", "ebs": {"volumeSize": 1}}]),
    ),
    (
        "prod",
        "encrypted-disks",
        planned("aws:ec2/instance:Instance", "i", rootBlockDevice=UNKNOWN, ebsBlockDevices=[{"deviceName": "b"}]),
    ),
    ("dev", "scale-to-zero-in-dev", planned(capacity.GROUP, "g", minSize=UNKNOWN, warmPool={"minSize": 2})),
]


@pytest.mark.parametrize(
    ("environment", "rule_id", "resource"),
    _BEHIND_AN_UNKNOWN,
    ids=[f"{at}-{rule}" for at, (_, rule, _) in enumerate(_BEHIND_AN_UNKNOWN)],
)
def test_what_is_not_known_hides_no_violation_behind_it(environment: str, rule_id: str, resource: Resource) -> None:
    """One that is certain is told, and what stays open beside it too."""
    rule = rule_of(rule_id)
    assert rule is not None

    outcome = outcome_of(rule, resource, context(environment), {resource.urn: resource})

    assert len(outcome.violations) >= 1
    assert outcome.undecided


@pytest.mark.parametrize("public", [False, True])
def test_the_world_at_a_port_that_is_not_known(public: bool) -> None:
    """A private stack lets it in nowhere, so that is certain; a public one may."""
    rule = rule_of("closed-security-groups")
    assert rule is not None
    opened = reach.opened(cidrIpv4="0.0.0.0/0", fromPort=UNKNOWN)

    outcome = outcome_of(rule, opened, context(ingress={"public": public}), {opened.urn: opened})

    assert (len(outcome.violations), bool(outcome.undecided)) == ((0, True) if public else (1, False))


def test_an_unknown_among_what_must_all_hold_does_not_excuse_the_others() -> None:
    """A listener that certainly forwards does not only redirect, whatever its other action is."""
    actions = [{"redirect": UNKNOWN}, {"type": "forward"}]

    assert len(said("tls-only", reach.listener(protocol="HTTP", defaultActions=actions))) == 1


def test_an_environment_that_nobody_knows_needs_alarms_as_prod_does() -> None:
    """As strict as in prod, for nobody can tell that it is not."""
    rule = rule_of("rollback-configured")
    assert rule is not None
    service = capacity.service(alarms=None)

    assert len(outcome_of(rule, service, replace(context(), environment="quality"), {}).violations) == 1
    assert outcome_of(rule, service, replace(context(), environment="staging"), {}).violations == ()


def test_a_rule_of_a_listener_elsewhere_is_undecided() -> None:
    """Nobody can tell here whether it is encrypted; one that redirects need not be."""
    rule = rule_of("tls-only")
    assert rule is not None
    forwards = reach.forwarding(type="forward", targetGroupArn="arn")
    redirects = reach.forwarding(type="redirect", redirect={"protocol": "HTTPS", "statusCode": "HTTP_301"})

    assert "its listener is not one of this stack" in outcome_of(rule, forwards, context(), {}).undecided
    assert outcome_of(rule, redirects, context(), {}) == Outcome()


@pytest.mark.parametrize(
    ("policy", "versions"),
    [
        ("ELBSecurityPolicy-TLS13-1-0-2021-06", "1.3, 1.2, 1.1, 1.0"),
        ("ELBSecurityPolicy-TLS13-1-1-FIPS-2023-04", "1.3, 1.2, 1.1"),
        ("ELBSecurityPolicy-TLS-1-2-2017-01", "1.2"),
        ("ELBSecurityPolicy-2016-08", "1.2, 1.1, 1.0"),
        ("ELBSecurityPolicy-TLS13-1-2-2021-06", ""),
        ("ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09", ""),
        ("ELBSecurityPolicy-TLS13-1-3-FIPS-2023-04", ""),
    ],
)
def test_a_security_policy_is_told_by_what_it_offers(policy: str, versions: str) -> None:
    """Not by its name: one with TLS13 in it may offer TLS 1.0 too."""
    wanted = (f"sslPolicy is {policy}, which offers TLS {versions}; it should be 1.3, with 1.2 or alone.",)

    assert said("tls-only", reach.listener(sslPolicy=policy)) == (wanted if versions else ())


def test_a_security_policy_of_no_table_is_undecided() -> None:
    """One that AWS adds later is neither good nor bad for its name; without one AWS takes an old one."""
    rule = rule_of("tls-only")
    assert rule is not None
    later = reach.listener(sslPolicy="ELBSecurityPolicy-TLS13-1-2-2031-01")

    assert "ELBSecurityPolicy-TLS13-1-2-2031-01" in outcome_of(rule, later, context(), {}).uncovered
    assert len(said("tls-only", reach.listener(sslPolicy=None))) == 1


def _on_attributes(where: str, requirements: dict[str, Any]) -> Resource:
    if where == "template":
        return capacity.template(instanceType=None, instanceRequirements=requirements)
    if where == "provider":
        launch = {"instanceLaunchTemplate": {"instanceRequirements": requirements}}
        return planned(capacity.PROVIDER, "p", managedInstancesProvider=launch)
    overrides = {"launchTemplate": {"overrides": [{"instanceRequirements": requirements}]}}
    return planned(capacity.GROUP, "g", maxSize=1, minSize=0, mixedInstancesPolicy=overrides)


@pytest.mark.parametrize("where", ["template", "provider", "group"])
@pytest.mark.parametrize(
    ("requirements", "named"),
    [
        ({"acceleratorCount": {"min": 1}, "acceleratorNames": ["h100"]}, "choose H100;"),
        ({"acceleratorCount": {"min": 1}, "acceleratorNames": ["a100", "t4"]}, "choose A100, A100-80GB;"),
        ({"acceleratorNames": ["v100"]}, "choose accelerators that the catalog does not know;"),
        ({"acceleratorManufacturers": ["habana"]}, "choose accelerators that the catalog does not know;"),
        ({"acceleratorTypes": ["gpu"]}, "H100"),
        ({"vcpuCount": {"min": 4}}, "H100"),
        ({"allowedInstanceTypes": ["p5.*"]}, "p5.* has H100 GPUs;"),
        ({"acceleratorCount": {"max": 0}}, ""),
        ({"acceleratorNames": ["l4", "t4"]}, ""),
        ({"allowedInstanceTypes": ["g6.*", "m7i.*"]}, ""),
    ],
    ids=str,
)
def test_gpus_that_aws_chooses_by_attributes_count(where: str, requirements: dict[str, Any], named: str) -> None:
    """Whatever the attributes leave open may come; an accelerator that they rule out does not."""
    found = said("gpu-allow-list", _on_attributes(where, requirements), "dev")

    assert (named in found[0]) if named else (found == ())


def test_attributes_that_are_not_known_leave_the_gpus_undecided() -> None:
    """And no more: a type beside them is judged."""
    rule = rule_of("gpu-allow-list")
    assert rule is not None
    template = capacity.template(instanceType="p5.48xlarge", instanceRequirements={"acceleratorNames": UNKNOWN})

    outcome = outcome_of(rule, template, context("dev"), {})

    assert (len(outcome.violations), bool(outcome.undecided)) == (1, True)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"timeUnit": "DAILY"}, "monthly warns only at 27375 USD a month"),
        ({"timeUnit": "DAILY", "limitAmount": "29"}, ""),
        ({"timeUnit": "QUARTERLY", "limitAmount": "2700"}, ""),
        ({"timeUnit": "ANNUALLY", "limitAmount": "12000"}, "monthly warns only at 1000 USD a month"),
        ({"budgetType": "USAGE", "limitUnit": "GB"}, "it has no budget of costs that notifies anybody."),
        ({"notifications": []}, "it has no budget of costs that notifies anybody."),
        ({}, ""),
    ],
    ids=str,
)
def test_a_budget_is_read_as_dollars_a_month(changes: dict[str, Any], says: str) -> None:
    """Whatever time it is for; one of gigabytes is none of costs."""
    violations, undecided = _budgeted(changes)

    assert (says in violations[0] if says else violations == (), undecided) == (True, "")


@pytest.mark.parametrize("changes", [{"timeUnit": "CUSTOM"}, {"limitUnit": "CNY"}, {"timeUnit": UNKNOWN}], ids=str)
def test_a_budget_that_is_no_dollars_a_month_is_undecided(changes: dict[str, Any]) -> None:
    """It may warn in time or not."""
    assert (_budgeted(changes)[0], bool(_budgeted(changes)[1])) == ((), True)


def _budgeted(changes: dict[str, Any]) -> tuple[tuple[str, ...], str]:
    rule, stack = rule_of("budget-exists"), the_stack()
    assert rule is not None
    planned_ = {each.urn: each for each in (stack, reach.SERVICE, reach.budget("900", **changes))}
    outcome = outcome_of(rule, stack, context(limits={"monthlyUsd": "900"}), planned_)
    return outcome.violations, outcome.undecided


def test_tags_that_nobody_can_read_leave_the_rule_undecided() -> None:
    """Where the resource does not have them all itself."""
    rule = rule_of("required-tags")
    assert rule is not None
    bare, whole = (
        replace(planned("aws:kms/key:Key", "k", tags=tags), default_tags=None) for tags in ({"owner": "me"}, reach.TAGS)
    )
    wrong = planned("aws:kms/key:Key", "k", tags=["owner"])

    assert "defaultTags of its provider are not known" in outcome_of(rule, bare, context(), {}).undecided
    assert outcome_of(rule, whole, context(), {}) == Outcome()
    assert "tags is no map" in outcome_of(rule, wrong, context(), {}).undecided


def test_an_action_that_is_no_text_is_undecided() -> None:
    """It is neither narrow nor wide."""
    rule = rule_of("no-wildcard-iam")
    assert rule is not None
    odd = {"Effect": "Allow", "Action": {"Fn": "x"}, "Resource": "*"}

    assert (
        "an Action of a statement is no text"
        in outcome_of(rule, planned(supply.POLICY, "p", policy={"Statement": [odd]}), context(), {}).undecided
    )
