"""AWS's own service models, as botocore ships them: the shape of any request, structure or list by its name."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from typing import Any

from providers.rehearsal import installed
from providers.rehearsal.shapes import ANY, BOOLEAN, Kind, Member, Shape

_KINDS = {
    "string": Kind.TEXT,
    "character": Kind.TEXT,
    "integer": Kind.INTEGER,
    "long": Kind.INTEGER,
    "float": Kind.NUMBER,
    "double": Kind.NUMBER,
}


def source() -> str:
    """What these models are, for the report; empty where they are not installed."""
    version = installed.version("botocore")
    return f"botocore {version}" if version else ""


def shape(service: str, name: str, beside: Iterable[str] = ()) -> Shape | None:
    """A shape of a service's model by its name; None where botocore or the shape is missing.

    `beside` are other shapes of the service that will be asked for: the model is read once for all of them.
    """
    kept = _kept(service)
    if name not in kept:
        shapes = _model(service).get("shapes", {})
        for each in (name, *beside):
            kept.update(_reachable(shapes, each) if each in shapes else {})
    return _shape(service, name) if name in kept else None


def operation_names(service: str) -> tuple[str, ...]:
    """The names of a service's operations, which are most of its IAM actions; empty for an unknown service."""
    return tuple(_model(service).get("operations", ()))


@functools.lru_cache(maxsize=1)
def _model(service: str) -> Mapping[str, Any]:
    root = installed.directory("botocore")
    versions = sorted((root / "data" / service).glob("*/service-2.json.gz")) if root else []
    return dict(installed.read_json(versions[-1])) if versions else {}


@functools.cache
def _kept(service: str) -> dict[str, Any]:
    """The shapes that were asked for, with what they are made of: a hundredth of a model such as that of EC2."""
    return {}


def _reachable(shapes: Mapping[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    waiting = [name]
    while waiting:
        each = waiting.pop()
        if each not in found:
            model = found[each] = shapes[each]
            inner = [*model.get("members", {}).values(), *(model[key] for key in ("member", "value") if key in model)]
            waiting += [one["shape"] for one in inner]
    return found


@functools.cache
def _shape(service: str, name: str) -> Shape:
    model = _kept(service)[name]
    match model["type"]:
        case "structure":
            required = set(model.get("required", ()))
            members = {
                key: Member(
                    shape=functools.partial(_shape, service, member["shape"]), shown=key, required=key in required
                )
                for key, member in model["members"].items()
            }
            return Shape(kind=Kind.OBJECT, members=members)
        case "list":
            element = functools.partial(_shape, service, model["member"]["shape"])
            return Shape(kind=Kind.LIST, element=element, low=model.get("min"), high=model.get("max"))
        case "map":
            return Shape(kind=Kind.MAP, element=functools.partial(_shape, service, model["value"]["shape"]))
        case "boolean":
            return BOOLEAN
        case kind if kind in _KINDS:
            pattern = model.get("pattern", "")
            return Shape(
                kind=_KINDS[kind],
                values=tuple(model.get("enum", ())),
                pattern=f"^(?:{pattern})$" if pattern else "",
                low=model.get("min"),
                high=model.get("max"),
            )
    return ANY
