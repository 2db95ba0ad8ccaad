"""Answers a program's look-ups from the package's dated file; policy documents are rendered for real."""

from __future__ import annotations

import fnmatch
import json
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

from providers.rehearsal.findings import nearest
from providers.rehearsal.invention import Inventor
from providers.rehearsal.values import Properties, plain

_POLICY_DOCUMENT = "aws:iam/getPolicyDocument:getPolicyDocument"


class UnexpectedLookup(Exception):
    """A look-up that the file has no answer for."""


def answer(entries: Mapping[str, Any], token: str, arguments: Properties, inventor: Inventor) -> Properties:
    """What the cloud would answer. Raises UnexpectedLookup."""
    arguments = plain(arguments)
    if token == _POLICY_DOCUMENT:
        return {**arguments, **policy_document(arguments)}
    for entry in entries.get(token, ()):
        if all(fnmatch.fnmatch(str(arguments.get(name, "")), each) for name, each in entry.get("when", {}).items()):
            found: Properties = inventor.filled(entry["answer"], token, arguments)
            return {**arguments, **found}
    tokens = [each for each in entries if each != "checked"]
    known = " with these arguments" if token in entries else nearest(token, [*tokens, _POLICY_DOCUMENT])
    given = json.dumps(arguments, default=str)
    where = f"catalog/rehearsal/{token.partition(':')[0]}/lookups.toml"
    raise UnexpectedLookup(
        f"{token} has no rehearsed answer{known} for {given}. Add one to {where}, or take the value from config."
    )


def policy_document(arguments: Properties) -> Properties:
    """The JSON that `getPolicyDocument` renders, with the statements of its source documents first."""
    statements = [each for text in arguments.get("sourcePolicyDocuments") or () for each in _statements(text)]
    statements += [_statement(each) for each in arguments.get("statements") or ()]
    document: Properties = {"Version": arguments.get("version") or "2012-10-17"}
    if arguments.get("policyId"):
        document["Id"] = arguments["policyId"]
    document["Statement"] = _overridden(statements, arguments.get("overridePolicyDocuments") or ())
    return {
        "json": json.dumps(document, indent=2),
        "minifiedJson": json.dumps(document, separators=(",", ":")),
        "id": str(zlib.crc32(json.dumps(document).encode())),
    }


def _overridden(statements: list[Properties], texts: Sequence[str]) -> list[Properties]:
    for statement in (each for text in texts for each in _statements(text)):
        statements = [each for each in statements if not each.get("Sid") or each.get("Sid") != statement.get("Sid")]
        statements.append(statement)
    return statements


def _statements(text: str) -> list[Properties]:
    found = json.loads(text).get("Statement", [])
    return found if isinstance(found, list) else [found]


def _statement(given: Properties) -> Properties:
    made: Properties = {"Sid": given["sid"]} if given.get("sid") else {}
    made["Effect"] = given.get("effect") or "Allow"
    for name, key in (
        ("actions", "Action"),
        ("notActions", "NotAction"),
        ("resources", "Resource"),
        ("notResources", "NotResource"),
    ):
        if given.get(name):
            made[key] = _single(sorted(given[name], reverse=True))
    for name, key in (("principals", "Principal"), ("notPrincipals", "NotPrincipal")):
        if given.get(name):
            made[key] = _principals(given[name])
    conditions: dict[str, Properties] = {}
    for each in given.get("conditions") or ():
        conditions.setdefault(each["test"], {})[each["variable"]] = _single(each["values"])
    if conditions:
        made["Condition"] = conditions
    return made


def _principals(given: Sequence[Properties]) -> Any:
    if any(each["type"] == "*" for each in given):
        return "*"
    return {each["type"]: _single(sorted(each["identifiers"], reverse=True)) for each in given}


def _single(values: list[Any]) -> Any:
    return values[0] if len(values) == 1 else values
