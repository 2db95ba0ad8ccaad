"""IAM policy documents as the SDK's look-up `getPolicyDocument` renders them."""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from typing import Any

from providers.rehearsal.values import Properties

TOKEN = "aws:iam/getPolicyDocument:getPolicyDocument"


def render(arguments: Properties) -> Properties:
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
