"""Who may do what: no wildcards, no pipeline role that any branch can take, no key in plain sight."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from policies.containers import DEFINITIONS, TASK, called, containers
from policies.planned import NotKnown, Resource, is_unknown
from policies.rule import ALWAYS, Rule, Scene, Severity
from policies.statements import actions, condition, principals, resources, statements

ROLE = "aws:iam/role:Role"
ROLE_POLICY = "aws:iam/rolePolicy:RolePolicy"
POLICY = "aws:iam/policy:Policy"
ATTACHMENT = "aws:iam/rolePolicyAttachment:RolePolicyAttachment"
FUNCTION = "aws:lambda/function:Function"
_ADMINISTRATORS = ("AdministratorAccess", "PowerUserAccess", "IAMFullAccess")
_GITHUB = "token.actions.githubusercontent.com"
_BOUND_SUBJECT = re.compile(r"repo:[^/:*?]+/[^/:*?]+:[^*?]+")
_SECRET_WORDS = {"KEY", "KEYS", "TOKEN", "SECRET", "SECRETS", "PASSWORD", "PASSWD", "CREDENTIALS"}
# A name that ends so says where a secret is, not what it is.
_REFERENCES = ("_FILE", "_PATH", "_ARN", "_NAME", "_ID", "_URL", "_PARAMETER", "_ENV")
_SECRET_VALUES = re.compile(
    r"sk-[A-Za-z0-9_-]{16,}|hf_[A-Za-z0-9]{20,}|gh[pousr]_[A-Za-z0-9]{20,}|AKIA[A-Z0-9]{16}|-----BEGIN [A-Z ]*PRIVATE KEY"
    r"|[a-z]+://[^/\s:@]*:[^/\s:@]+@"
)


def _no_wildcards(resource: Resource, scene: Scene) -> Iterator[str]:
    if resource.type == ATTACHMENT:
        # A policy of this stack is judged itself, and its ARN is not known before it is made.
        if not scene.linked(resource, "policyArn", POLICY):
            yield from _administrators((resource.text("policyArn"),))
    elif resource.type == ROLE:
        yield from _administrators(resource.texts("managedPolicyArns"))
        for inline in resource.each("inlinePolicies"):
            yield from _wide(inline)
    else:
        yield from _wide(resource)


def _administrators(arns: tuple[str, ...]) -> Iterator[str]:
    for arn in arns:
        if arn.rpartition("/")[2] in _ADMINISTRATORS:
            yield f"it is given {arn.rpartition('/')[2]}."


def _wide(holder: Resource) -> Iterator[str]:
    for statement in statements(holder, "policy"):
        everywhere = "*" in resources(statement)
        if "NotAction" in statement:
            yield "a statement allows everything except its NotAction."
        for action in actions(statement):
            if action in ("*", "*:*") or action.lower() == "bedrock:*":
                yield f"a statement allows the action {action}."
            elif everywhere and (action.endswith(":*") or action.lower() == "iam:passrole"):
                yield f"a statement allows the action {action} on every resource."


def _bound_trust(role: Resource, scene: Scene) -> Iterator[str]:
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


def _no_secrets(resource: Resource, scene: Scene) -> Iterator[str]:
    if resource.type == FUNCTION:
        yield from _exposed(resource.pairs("environment.variables"), "environment.variables")
        return
    for container in containers(resource):
        pairs = {str(each.get("name")): str(each.get("value", "")) for each in container.get("environment") or ()}
        yield from _exposed(pairs, called(container))


def _exposed(variables: Mapping[str, Any], where: str) -> Iterator[str]:
    undecided = []
    for name, value in variables.items():
        named_secret = bool(_SECRET_WORDS & set(name.upper().split("_"))) and not name.upper().endswith(_REFERENCES)
        if is_unknown(value):
            undecided += [name] * named_secret
        elif (named_secret and not _is_harmless(value)) or _SECRET_VALUES.search(value):
            yield f"{where} has a readable value in {name}."
    if undecided:
        raise NotKnown(f"{undecided[0]} in {where} is not known before the first `up`")


def _is_harmless(value: str) -> bool:
    """Whether a value is a switch or a number, whatever its name says."""
    return value.strip().lower() in ("", "true", "false", "yes", "no", "none") or bool(re.fullmatch(r"[\d.]+", value))


RULES = (
    Rule(
        id="no-wildcard-iam",
        title="No policy allows every action, or all actions of a service on everything.",
        why="What runs an image from outside must not be able to do more than its work when somebody breaks into it.",
        severity=Severity.CRITICAL,
        enforcement=ALWAYS,
        types=(POLICY, ROLE_POLICY, ROLE, ATTACHMENT),
        reads={
            POLICY: ("policy",),
            ROLE_POLICY: ("policy",),
            ROLE: ("inlinePolicies", "inlinePolicies[].policy", "managedPolicyArns"),
            ATTACHMENT: ("policyArn",),
        },
        remedy="List the actions that are needed and the ARNs that they are needed on.",
        check=_no_wildcards,
        among_peers=True,
    ),
    Rule(
        id="bound-trust",
        title="A role can be taken only by those it names; a pipeline's by one repository and environment.",
        why="A trust without a subject lets any repository on GitHub deploy into this account.",
        severity=Severity.CRITICAL,
        enforcement=ALWAYS,
        types=(ROLE,),
        reads={ROLE: ("assumeRolePolicy",)},
        remedy="Name the principal; for GitHub let the sub be like repo:<owner>/<name>:environment:<environment>.",
        check=_bound_trust,
    ),
    Rule(
        id="secrets-not-in-environment",
        title="No secret stands readable in an environment variable.",
        why="Task definitions and functions show their environment to everybody who may describe them, for ever.",
        severity=Severity.CRITICAL,
        enforcement=ALWAYS,
        types=(TASK, FUNCTION),
        reads={TASK: (DEFINITIONS,), FUNCTION: ("environment.variables",)},
        remedy="Put it into an SSM SecureString parameter and refer to it by name in the container's secrets.",
        check=_no_secrets,
    ),
)
