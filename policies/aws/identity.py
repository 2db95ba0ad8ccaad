"""Who may do what: no wildcards, nothing that is open to everybody, no key in plain sight."""

from __future__ import annotations

import re
from collections.abc import Iterator

from plan.inputs import Inputs
from policies.aws.containers import DEFINITIONS, TASK, called, containers
from policies.aws.statements import actions, condition, is_bound, is_for_everybody, principals, resources, statements
from policies.check import Check, Checks, Scene
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
_GITHUB = "token.actions.githubusercontent.com"
_BOUND_SUBJECT = re.compile(r"repo:[^/:*?]+/[^/:*?]+:[^*?]+")


def _no_wide_attachment(attachment: Inputs, scene: Scene) -> Iterator[str]:
    # A policy of this stack is judged itself, and its ARN is not known before it is made.
    if not scene.linked(attachment, "policyArn", POLICY):
        yield from _administrators((attachment.text("policyArn"),))


def _no_wide_role(role: Inputs, scene: Scene) -> Iterator[str]:
    yield from _administrators(role.texts("managedPolicyArns"))
    for inline in role.each("inlinePolicies"):
        yield from _wide(inline)


def _no_wide_policy(policy: Inputs, scene: Scene) -> Iterator[str]:
    yield from _wide(policy)


def _administrators(arns: tuple[str, ...]) -> Iterator[str]:
    for arn in arns:
        if arn.rpartition("/")[2] in _ADMINISTRATORS:
            yield f"it is given {arn.rpartition('/')[2]}."


def _wide(holder: Inputs) -> Iterator[str]:
    for statement in statements(holder, "policy"):
        everywhere = "*" in resources(statement)
        if "NotAction" in statement:
            yield "a statement allows everything except its NotAction."
        for action in actions(statement):
            if action in ("*", "*:*") or action.lower() == "bedrock:*":
                yield f"a statement allows the action {action}."
            elif everywhere and (action.endswith(":*") or action.lower() == "iam:passrole"):
                yield f"a statement allows the action {action} on every resource."


def _bound_trust(role: Inputs, scene: Scene) -> Iterator[str]:
    for statement in statements(role, "assumeRolePolicy"):
        if "*" in principals(statement, "AWS"):
            yield "everybody in AWS may take this role."
        if not any(_GITHUB in each for each in principals(statement, "Federated")):
            continue
        subjects = condition(statement, f"{_GITHUB}:sub")
        if not subjects:
            yield "every repository on GitHub may take this role."
        for subject in subjects:
            if not _BOUND_SUBJECT.fullmatch(subject):
                yield f"the subject '{subject}' is not bound to one repository and one environment, branch or event."


def _bound_use(shared: Inputs, scene: Scene) -> Iterator[str]:
    for statement in statements(shared, "policy"):
        if is_for_everybody(statement) and not is_bound(statement):
            yield f"everybody is allowed {', '.join(actions(statement)) or 'all but some actions'} on it."


def _no_secrets_in_task(task: Inputs, scene: Scene) -> Iterator[str]:
    for container in containers(task):
        pairs = {str(each.get("name")): str(each.get("value", "")) for each in container.get("environment") or ()}
        yield from exposed(pairs, called(container))


def _no_secrets_in_function(function: Inputs, scene: Scene) -> Iterator[str]:
    yield from exposed(function.pairs("environment.variables"), "environment.variables")


def _no_secret_parameter(parameter: Inputs, scene: Scene) -> Iterator[str]:
    """A parameter is named by a path, an environment variable by words in capitals: the last part says what it is."""
    if parameter.text("type") == "SecureString":
        return
    name = parameter.text("name") if parameter.has("name") else parameter.name
    variable = re.sub(r"\W", "_", name.rpartition("/")[2])
    kind = parameter.text("type")
    for field in ("value", "insecureValue"):
        if parameter.has(field):
            yield from exposed({variable: parameter.text(field)}, f"a parameter of type {kind}")


CHECKS: Checks = {
    "no-wildcard-iam": {
        POLICY: Check(judge=_no_wide_policy, reads=("policy",)),
        ROLE_POLICY: Check(judge=_no_wide_policy, reads=("policy",)),
        ROLE: Check(judge=_no_wide_role, reads=("inlinePolicies", "inlinePolicies[].policy", "managedPolicyArns")),
        ATTACHMENT: Check(judge=_no_wide_attachment, reads=("policyArn",), peers={POLICY: ()}),
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
