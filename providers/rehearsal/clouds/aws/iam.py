"""IAM policy documents: the grammar and the action names as cfn-lint ships them, said in sentences."""

from __future__ import annotations

import fnmatch
import functools
import re
from collections.abc import Iterator, Mapping
from typing import Any

from plan.tokens import is_unknown
from providers.rehearsal import installed
from providers.rehearsal.clouds.aws import botocore_models, cloudformation
from providers.rehearsal.documents import parsed
from providers.rehearsal.findings import Finding, InputPlace, NotKnown, Seen, Validated, nearest, one_of, wrong

_ACTIONS = ("Action", "NotAction")


def check_policy(value: Any, place: InputPlace, kind: str) -> Iterator[Seen]:
    """Check a policy given as text or as a map; `kind` is identity, trust, resource or resource_ecr."""
    document, finding = parsed(value, place)
    if finding:
        yield finding
        return
    grammar = _grammar(kind)
    if not isinstance(document, Mapping):
        yield wrong(place, document, "a map with Version and Statement")
        return
    if not grammar:
        return
    known = grammar["properties"]
    for key in document:
        if key not in known:
            yield _unknown(key, known, place.at(key), "a policy")
    versions = _grammar("")["properties"]["Version"]["enum"]
    if document.get("Version", versions[-1]) not in versions:
        yield wrong(place.at("Version"), document["Version"], one_of(versions))
    statements = document.get("Statement")
    if not statements:
        yield Finding(place=place, sentence=f"{place} has no Statement; a policy needs at least one.")
    for index, statement in enumerate(statements if isinstance(statements, list) else [statements or {}]):
        yield from _statement(statement, place.at("Statement").at(index), grammar, kind)


def _statement(statement: Any, place: InputPlace, grammar: Mapping[str, Any], kind: str) -> Iterator[Seen]:
    if is_unknown(statement):
        yield NotKnown(path=place.path)
        return
    if not isinstance(statement, Mapping):
        yield wrong(place, statement, "a map with Effect and Action")
        return
    rules = grammar["definitions"]["Statement"]
    for key in statement:
        if key not in rules["properties"]:
            yield _unknown(key, rules["properties"], place.at(key), f"a statement of {_called(kind)}")
    yield from _presence(statement, place, rules, kind)
    effect = statement.get("Effect")
    effects = _grammar("")["definitions"]["Statement"]["properties"]["Effect"]["enum"]
    if effect is not None and not is_unknown(effect) and effect not in effects:
        yield wrong(place.at("Effect"), effect, f"one of {', '.join(effects)}")
    pattern = rules["properties"].get("Sid", {}).get("pattern")
    sid = statement.get("Sid")
    if pattern and isinstance(sid, str) and sid and not is_unknown(sid) and not re.search(pattern, sid):
        yield wrong(place.at("Sid"), sid, "letters and digits only")
    yield from _actions(statement, place)
    yield from _resources(statement, place, kind)
    yield from _principals(statement, place)
    yield from _conditions(statement, place)
    yield Validated(path=place.path)


def _presence(statement: Mapping[str, Any], place: InputPlace, rules: Mapping[str, Any], kind: str) -> Iterator[Seen]:
    for rule in rules["allOf"]:
        for key in rule.get("required", ()):
            if key not in statement:
                yield Finding(place=place.at(key), sentence=f"{place}.{key} is missing; a statement requires it.")
        either = rule.get("requiredXor", ())
        if either and sum(key in statement for key in either) != 1:
            names = " and ".join(either) if all(key in statement for key in either) else " nor ".join(either)
            verb = "has both" if all(key in statement for key in either) else "has neither"
            yield Finding(
                place=place.at(either[0]),
                sentence=f"{place} {verb} {names}; {_called(kind)} needs exactly one of them.",
            )


def _actions(statement: Mapping[str, Any], place: InputPlace) -> Iterator[Seen]:
    for key in _ACTIONS:
        for where, action in _each(statement.get(key), place.at(key)):
            if is_unknown(action) or action == "*":
                continue
            yield from _action(action, where)


def _action(action: Any, place: InputPlace) -> Iterator[Seen]:
    prefix, colon, name = action.partition(":") if isinstance(action, str) else ("", "", "")
    if not colon:
        yield wrong(place, action, "an action like service:Action")
        return
    services = _services()
    if not services:
        return
    if "*" in prefix or "?" in prefix:
        return
    known = services.get(prefix.lower(), "").split()
    if not known:
        yield Finding(
            place=place, sentence=f"{place} is '{action}': AWS has no service '{prefix}'.{nearest(prefix, services)}"
        )
    elif not fnmatch.filter(known, name.lower()):
        spelled = {each.lower(): each for each in _operations(prefix.lower())}
        near = nearest(name, [spelled.get(each, each) for each in known])
        yield Finding(place=place, sentence=f"{place} is '{action}': {prefix} has no such action.{near}")


def _resources(statement: Mapping[str, Any], place: InputPlace, kind: str) -> Iterator[Seen]:
    if kind != "identity":
        return
    pattern = _grammar("")["definitions"]["AwsArn"]["pattern"]
    for key in ("Resource", "NotResource"):
        for where, resource in _each(statement.get(key), place.at(key)):
            if not is_unknown(resource) and not (isinstance(resource, str) and re.search(pattern, resource)):
                yield wrong(where, resource, "an ARN (arn:aws:service:region:account:resource) or *")


def _principals(statement: Mapping[str, Any], place: InputPlace) -> Iterator[Seen]:
    for key in ("Principal", "NotPrincipal"):
        principal = statement.get(key)
        if principal is None or principal == "*" or is_unknown(principal):
            continue
        where = place.at(key)
        known = _grammar("")["definitions"]["Principal"]["properties"]
        if not isinstance(principal, Mapping):
            yield wrong(where, principal, f"'*' or a map with {', '.join(known)}")
            continue
        for name in principal:
            if name not in known:
                yield _unknown(name, known, where.at(name), "a principal")
        for inside, service in _each(principal.get("Service"), where.at("Service")):
            if not is_unknown(service) and not re.fullmatch(r"[a-z0-9.-]+\.amazonaws\.com(\.cn)?", str(service)):
                yield wrong(inside, service, "a service like ecs-tasks.amazonaws.com")


def _conditions(statement: Mapping[str, Any], place: InputPlace) -> Iterator[Seen]:
    condition = statement.get("Condition")
    if not isinstance(condition, Mapping):
        return
    rules = _grammar("")["definitions"]["Condition"]
    for operator in condition:
        if operator not in rules["properties"] and not any(
            re.search(pattern, operator) for pattern in rules["patternProperties"]
        ):
            names = [
                "StringEquals",
                "StringLike",
                "ArnLike",
                "ArnEquals",
                "Bool",
                "IpAddress",
                "NumericLessThan",
                "Null",
            ]
            yield Finding(
                place=place.at("Condition").at(operator),
                sentence=f"{place}.Condition.{operator} is not an operator of a condition.{nearest(operator, names)}",
            )


def _each(value: Any, place: InputPlace) -> Iterator[tuple[InputPlace, Any]]:
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield place.at(index), item
    elif value is not None:
        yield place, value


def _unknown(key: str, known: Mapping[str, Any], place: InputPlace, owner: str) -> Finding:
    near = nearest(key, known) or f" Known: {', '.join(known)}."
    return Finding(place=place, sentence=f"{place} is not a key of {owner}.{near}")


def _called(kind: str) -> str:
    return {"identity": "an identity policy", "trust": "a trust policy"}.get(kind, "a resource policy")


@functools.cache
def _grammar(kind: str) -> Mapping[str, Any]:
    """cfn-lint's JSON schema of a kind of policy, of all kinds for an empty name; empty without cfn-lint."""
    root = installed.directory("cfnlint")
    name = f"policy_{kind}.json" if kind else "policy.json"
    return dict(installed.read_json(root / "data/schemas/other/iam" / name)) if root else {}


def _operations(prefix: str) -> tuple[str, ...]:
    """The spelling of actions: a service's operations, with those of its data plane."""
    names = (prefix, f"{prefix}-runtime")
    return tuple(each for name in names for each in botocore_models.operation_names(name))


@functools.cache
def _services() -> Mapping[str, str]:
    """Service prefix -> its actions in lower case, with spaces between them: thousands of texts would be megabytes."""
    root = installed.directory("cfnlint")
    if root is None:
        return {}
    data = installed.read_json(root / "data/AdditionalSpecs/Policies.json")
    return {prefix: " ".join(each.get("Actions", ())) for prefix, each in data.items()}


def source() -> str:
    """What this grammar is, for the report; empty where it is not installed."""
    return f"IAM grammar of {cloudformation.source()}" if _grammar("") else ""
