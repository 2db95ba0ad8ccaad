"""AWS's resource schemas, as cfn-lint ships them: the shape of a type's properties, and which of these are create-only."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from providers.rehearsal import installed
from providers.rehearsal.shapes import ANY, BOOLEAN, Kind, Member, Shape

_REGION = "us-east-1"
_KINDS = {"string": Kind.TEXT, "integer": Kind.INTEGER, "number": Kind.NUMBER, "boolean": Kind.BOOLEAN}


def source() -> str:
    """What these schemas are, for the report; empty where they are not installed."""
    version = installed.version("cfn-lint")
    return f"cfn-lint {version}" if version else ""


def type_names() -> frozenset[str]:
    """All CloudFormation types there is a schema for."""
    return frozenset(_index())


def shape(type_name: str) -> Shape | None:
    """The shape of a type's properties; None where there is no such schema."""
    schema = _schema(type_name)
    return _shape_of(schema, schema, 0) if schema else None


def create_only(type_name: str) -> tuple[str, ...] | None:
    """Paths like `AutoScalingGroupProvider.AutoScalingGroupArn` whose change takes a new resource; None without schema."""
    schema = _schema(type_name)
    if not schema:
        return None
    pointers = [*schema.get("createOnlyProperties", ()), *schema.get("conditionalCreateOnlyProperties", ())]
    return tuple(".".join(each.removeprefix("/properties/").split("/")) for each in pointers)


@functools.cache
def _data() -> Path | None:
    root = installed.directory("cfnlint")
    return root / "data/schemas" if root else None


@functools.cache
def _index() -> Mapping[str, str]:
    data = _data()
    return dict(installed.read_json(data / "providers" / f"{_REGION}.json")) if data else {}


@functools.cache
def _schema(type_name: str) -> Mapping[str, Any]:
    data, file = _data(), _index().get(type_name)
    return dict(installed.read_json(data / "resources" / f"{file}.json")) if data and file else {}


def _shape_of(schema: Mapping[str, Any], document: Mapping[str, Any], depth: int) -> Shape:
    schema = _resolved(schema, document)
    inner = functools.partial(_shape_of, document=document, depth=depth + 1)
    if schema.get("properties"):
        required = set(schema.get("required", ()))
        members = {
            name: Member(shape=functools.partial(inner, each), shown=name, required=name in required)
            for name, each in schema["properties"].items()
        }
        return Shape(kind=Kind.OBJECT, members=members)
    if "items" in schema:
        element = functools.partial(inner, schema["items"])
        return Shape(kind=Kind.LIST, element=element, low=schema.get("minItems"), high=schema.get("maxItems"))
    kind = schema.get("type")
    if kind == "boolean":
        return BOOLEAN
    if not isinstance(kind, str) or kind not in _KINDS:
        return ANY
    text = kind == "string"
    return Shape(
        kind=_KINDS[kind],
        values=tuple(str(each) for each in schema.get("enum", ())),
        pattern=schema.get("pattern", ""),
        low=schema.get("minLength" if text else "minimum"),
        high=schema.get("maxLength" if text else "maximum"),
    )


def _resolved(schema: Mapping[str, Any], document: Mapping[str, Any]) -> Mapping[str, Any]:
    while "$ref" in schema:
        target: Any = document
        for step in schema["$ref"].removeprefix("#/").split("/"):
            target = target[step]
        schema = target
    return schema
