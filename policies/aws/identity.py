"""Who may do what: no wildcards, nothing that is open to everybody, no key in plain sight."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any

from plan.inputs import Inputs, some
from policies.aws.containers import DEFINITIONS, TASK, called, containers, maps_in
from policies.aws.statements import (
    actions,
    condition,
    is_bound,
    is_bound_to,
    is_everything,
    is_for_everybody,
    principals,
    resources,
    statements,
)
from policies.check import Check, Checks, Scene, in_turn, together
from policies.environment import exposed

ROLE = "aws:iam/role:Role"
ROLE_POLICY = "aws:iam/rolePolicy:RolePolicy"
POLICY = "aws:iam/policy:Policy"
ATTACHMENT = "aws:iam/rolePolicyAttachment:RolePolicyAttachment"
FUNCTION = "aws:lambda/function:Function"
PARAMETER = "aws:ssm/parameter:Parameter"
# What has a policy of its own that says who may use it.
_SHARED = (
    "aws:kms/key:Key",
    "aws:kms/replicaKey:ReplicaKey",
    "aws:s3/bucket:Bucket",
    "aws:s3/bucketPolicy:BucketPolicy",
    "aws:secretsmanager/secret:Secret",
    "aws:sns/topic:Topic",
    "aws:sns/topicPolicy:TopicPolicy",
)
_ADMINISTRATORS = ("AdministratorAccess", "PowerUserAccess", "IAMFullAccess")
# By it a service is given a role, and so whatever the role may do.
_PASSING_ON = "iam:passrole"
# By it models are called: whole, as a stream in one direction or in both, and in batches (docs.aws.amazon.com/bedrock,
# inference-prereq, and the service authorization reference of Amazon Bedrock, 2026-12-01).
_CALLING = (
    "bedrock:invokemodel",
    "bedrock:invokemodelwithresponsestream",
    "bedrock:invokemodelwithbidirectionalstream",
    "bedrock:createmodelinvocationjob",
)
# AWS's own policy that allows calling whatever there is (docs.aws.amazon.com/bedrock, security-iam-awsmanpol, 2026-12-01).
_EVERY_MODEL = "AmazonBedrockFullAccess"
# What ends in an id that is not known before it is made; a tag says whose it is.
_OF_ONES_OWN = ("application-inference-profile", "provisioned-model")
_OWN_TAG = "aws:ResourceTag/trimaran-stack"
_GITHUB = "token.actions.githubusercontent.com"
_BOUND_SUBJECT = re.compile(r"repo:[^/:*?]+/[^/:*?]+:[^*?]+")


def _no_wide_attachment(attachment: Inputs, scene: Scene) -> Iterator[str]:
    # A policy of this stack is judged itself, and its ARN is not known before it is made.
    if not scene.linked(attachment, "policyArn", POLICY):
        yield from _administrators((attachment.text("policyArn"),))


def _no_wide_role(role: Inputs, scene: Scene) -> Iterator[str]:
    yield from together(
        _administrators(role.each_text("managedPolicyArns")), in_turn(role.each("inlinePolicies"), _wide)
    )


def _no_wide_policy(policy: Inputs, scene: Scene) -> Iterator[str]:
    yield from _wide(policy)


def _administrators(arns: Iterable[str]) -> Iterator[str]:
    for arn in arns:
        if arn.rpartition("/")[2] in _ADMINISTRATORS:
            yield f"it is given {arn.rpartition('/')[2]}."


def _wide(holder: Inputs) -> Iterator[str]:
    yield from in_turn(statements(holder, "policy"), _too_wide)


def _too_wide(statement: Mapping[str, Any]) -> Iterator[str]:
    if "NotAction" in statement:
        yield "a statement allows everything except its NotAction."
    yield from in_turn(actions(statement), lambda each: _wide_action(each, statement))


def _wide_action(action: str, statement: Mapping[str, Any]) -> Iterator[str]:
    """Wildcards are told by what they match, in whatever way they are written: `**` is `*`, and `iam:Pass*` is PassRole too."""
    service, _, verb = action.lower().rpartition(":")
    whole_service = "*" in verb and set(verb) <= set("*?")
    if whole_service and (set(service) <= set("*?") or fnmatchcase("bedrock", service)):
        yield f"a statement allows the action {action}."
    elif (whole_service or fnmatchcase(_PASSING_ON, action.lower())) and _is_everywhere(statement):
        yield f"a statement allows the action {action} on every resource."


def _no_nameless_model(holder: Inputs, scene: Scene) -> Iterator[str]:
    yield from in_turn(statements(holder, "policy"), lambda each: _calls_nameless(each, scene))


def _no_nameless_model_in_role(role: Inputs, scene: Scene) -> Iterator[str]:
    yield from together(
        _every_model(role.each_text("managedPolicyArns")),
        in_turn(role.each("inlinePolicies"), lambda each: _no_nameless_model(each, scene)),
    )


def _no_nameless_model_attached(attachment: Inputs, scene: Scene) -> Iterator[str]:
    if not scene.linked(attachment, "policyArn", POLICY):
        yield from _every_model((attachment.text("policyArn"),))


def _every_model(arns: Iterable[str]) -> Iterator[str]:
    for arn in arns:
        if arn.rpartition("/")[2] == _EVERY_MODEL:
            yield f"it is given {_EVERY_MODEL}."


def _calls_nameless(statement: Mapping[str, Any], scene: Scene) -> Iterator[str]:
    """A sentence for each resource that leaves open which model is called. Raises NotKnown."""
    if not some(actions(statement), lambda each: any(fnmatchcase(name, each.lower()) for name in _CALLING)):
        return
    if "NotResource" in statement:
        yield "a statement allows calling every model of Bedrock except its NotResource."
    yield from in_turn(resources(statement), lambda each: _nameless(each, statement, scene))


def _nameless(resource: str, statement: Mapping[str, Any], scene: Scene) -> Iterator[str]:
    """`*` alone, or an ARN whose model or region is a pattern; what is this stack's by its tag is named enough."""
    parts = resource.split(":", 5)
    is_arn = len(parts) == 6
    if is_arn and parts[2] != "bedrock" and not _is_pattern(parts[2]):
        return
    kind, _, name = parts[-1].partition("/")
    is_open = not is_arn or _is_pattern(f"{parts[2]}{parts[3]}{kind}{name}")
    if is_open and not (_is_of_ones_own(parts, kind) and is_bound_to(statement, _OWN_TAG, scene.context.stack)):
        yield f"a statement allows calling models of Bedrock on {resource}."


def _is_of_ones_own(parts: list[str], kind: str) -> bool:
    """Whether an ARN leaves open the id alone, of what an account makes itself in one region."""
    return kind in _OF_ONES_OWN and len(parts) == 6 and not _is_pattern("".join(parts[1:5]))


def _is_pattern(text: str) -> bool:
    return bool(set("*?") & set(text))


def _is_everywhere(statement: Mapping[str, Any]) -> bool:
    """Whether a statement speaks of all resources, or of all except some. Raises NotKnown."""
    return "NotResource" in statement or some(resources(statement), is_everything)


def _bound_trust(role: Inputs, scene: Scene) -> Iterator[str]:
    yield from in_turn(
        statements(role, "assumeRolePolicy"), lambda each: together(_open_to_all(each), _open_to_github(each))
    )


def _open_to_all(statement: Mapping[str, Any]) -> Iterator[str]:
    if some(principals(statement, "AWS"), lambda each: each == "*"):
        yield "everybody in AWS may take this role."


def _open_to_github(statement: Mapping[str, Any]) -> Iterator[str]:
    if not some(principals(statement, "Federated"), lambda each: _GITHUB in each):
        return
    nobody_named = True
    for subject in condition(statement, f"{_GITHUB}:sub"):
        nobody_named = False
        if not _BOUND_SUBJECT.fullmatch(subject):
            yield f"the subject '{subject}' is not bound to one repository and one environment, branch or event."
    if nobody_named:
        yield "every repository on GitHub may take this role."


def _bound_use(shared: Inputs, scene: Scene) -> Iterator[str]:
    yield from in_turn(statements(shared, "policy"), _open_use)


def _open_use(statement: Mapping[str, Any]) -> Iterator[str]:
    if is_for_everybody(statement) and not is_bound(statement):
        yield f"everybody is allowed {', '.join(actions(statement)) or 'all but some actions'} on it."


def _no_secrets_in_task(task: Inputs, scene: Scene) -> Iterator[str]:
    yield from in_turn(containers(task), _shown_by)


def _shown_by(container: Mapping[str, Any]) -> Iterator[str]:
    yield from in_turn(
        maps_in(container, "environment"),
        lambda each: exposed({str(each.get("name")): str(each.get("value", ""))}, called(container)),
    )


def _no_secrets_in_function(function: Inputs, scene: Scene) -> Iterator[str]:
    yield from exposed(function.pairs("environment.variables"), "environment.variables")


def _no_secret_parameter(parameter: Inputs, scene: Scene) -> Iterator[str]:
    """A parameter is named by a path, an environment variable by words in capitals: the last part says what it is."""
    if parameter.text("type") == "SecureString":
        return
    name = parameter.text("name") if parameter.has("name") else parameter.name
    variable = re.sub(r"\W", "_", name.rpartition("/")[2])
    kind = parameter.text("type")
    fields = [each for each in ("value", "insecureValue") if parameter.has(each)]
    yield from in_turn(fields, lambda each: exposed({variable: parameter.text(each)}, f"a parameter of type {kind}"))


CHECKS: Checks = {
    "no-wildcard-iam": {
        POLICY: Check(judge=_no_wide_policy, reads=("policy",)),
        ROLE_POLICY: Check(judge=_no_wide_policy, reads=("policy",)),
        ROLE: Check(judge=_no_wide_role, reads=("inlinePolicies", "inlinePolicies[].policy", "managedPolicyArns")),
        ATTACHMENT: Check(judge=_no_wide_attachment, reads=("policyArn",), peers={POLICY: ()}),
    },
    "no-bedrock-wildcard": {
        POLICY: Check(judge=_no_nameless_model, reads=("policy",)),
        ROLE_POLICY: Check(judge=_no_nameless_model, reads=("policy",)),
        ROLE: Check(
            judge=_no_nameless_model_in_role, reads=("inlinePolicies", "inlinePolicies[].policy", "managedPolicyArns")
        ),
        ATTACHMENT: Check(judge=_no_nameless_model_attached, reads=("policyArn",), peers={POLICY: ()}),
    },
    "bound-trust": {
        ROLE: Check(judge=_bound_trust, reads=("assumeRolePolicy",)),
        **dict.fromkeys(_SHARED, Check(judge=_bound_use, reads=("policy",))),
    },
    "secrets-not-in-environment": {
        TASK: Check(judge=_no_secrets_in_task, reads=(DEFINITIONS,)),
        FUNCTION: Check(judge=_no_secrets_in_function, reads=("environment.variables",)),
        PARAMETER: Check(judge=_no_secret_parameter, reads=("insecureValue", "name", "type", "value")),
    },
}
