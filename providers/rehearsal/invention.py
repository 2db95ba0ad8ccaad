"""The outputs of things that were never made: of the right shape, and the same for the same inputs every time."""

from __future__ import annotations

import hashlib
import json
import re
import uuid
from collections.abc import Mapping
from typing import Any

from providers.rehearsal.shapes import Kind, Shape
from providers.rehearsal.values import UNKNOWN, Properties, is_unknown, name_of, plain

_FIELD = re.compile(r"\{(\w+)\}")
_DEPTH = 4


def auto_name(table: Mapping[str, Any], urn: str, token: str) -> tuple[str, str] | None:
    """The property and name that the provider gives a resource without one; None where it gives none."""
    if token in table["never_named"]["types"]:
        return None
    rule = table["autonaming"].get(token, table["autonaming"]["default"])
    name = f"{name_of(urn)}-{_hex(urn, 7)}"
    return rule["property"], name.lower() if rule.get("lower") else name


def foretold(inputs: Properties, outputs: Shape) -> Properties:
    """What a preview shows: the inputs, and every other output as unknown."""
    missing = {name: UNKNOWN for name, member in outputs.members.items() if not member.shape().optional}
    return {**missing, **inputs}


class Inventor:
    """Invents for one package: `table` is its outputs file; `region` may change with the provider's configuration."""

    def __init__(self, table: Mapping[str, Any]) -> None:
        self._table = table
        self.region: str = table["region"]

    @property
    def account(self) -> str:
        """The account that the rehearsal pretends to deploy to."""
        return str(self._table["account"])

    def create(self, urn: str, token: str, inputs: Properties, shape: Shape) -> tuple[str, Properties]:
        """An id and all outputs of a new resource."""
        seed = f"{urn}\0{json.dumps(plain(inputs), sort_keys=True, default=str)}"
        known = {**self._facts(), **_texts(inputs), **_derived(plain(inputs))}
        described = dict(self._table["types"].get(token, {}))
        made: Properties = {}
        identifier = self._filled(described.pop("id", ""), seed, known, described)
        known["id"] = known.get("id") or identifier or _by_default(token, known, seed)
        for name, template in described.items():
            made[name] = self._made(template, f"{seed}\0{name}", known)
            known[name] = str(made[name])
        for name, member in shape.members.items():
            if name not in inputs and name not in made:
                value = self._by_type(name, token, member.shape(), f"{seed}\0{name}", known, 0)
                if value is not None:
                    made[name] = value
        return known["id"], {**made, **inputs}

    def update(self, token: str, before: Properties, old_inputs: Properties, inputs: Properties) -> Properties:
        """The outputs after an update: the inputs are new, what was invented stays, counters go up."""
        kept = {name: value for name, value in before.items() if name not in old_inputs}
        for name in self.counting(token):
            kept[name] = kept.get(name, 0) + 1
        return {**kept, **inputs}

    def filled(self, template: Mapping[str, Any], seed: str, arguments: Properties) -> Properties:
        """A look-up's answer, filled in from its arguments and the rehearsed account."""
        made: Properties = self._made(dict(template), seed, {**self._facts(), **_texts(arguments)})
        return made

    def counting(self, token: str) -> tuple[str, ...]:
        """Outputs that count up with each update."""
        return tuple(self._table["counts"].get(token, ()))

    def _facts(self) -> dict[str, str]:
        return {"account": self.account, "region": self.region, "partition": str(self._table["partition"])}

    def _filled(self, template: str, seed: str, known: dict[str, str], described: Mapping[str, Any]) -> str:
        """The id, which may be made from an output that stands beside it, such as the ARN."""
        if template == "{arn}" and "arn" in described:
            return str(self._made(described["arn"], f"{seed}\0arn", known))
        return str(self._made(template, seed, known))

    def _made(self, template: Any, seed: str, known: Mapping[str, str]) -> Any:
        if isinstance(template, str):
            return _FIELD.sub(lambda match: _field(match[1], seed, known), template)
        if isinstance(template, list):
            return [self._made(each, seed, known) for each in template]
        if isinstance(template, dict):
            return {key: self._made(each, f"{seed}\0{key}", known) for key, each in template.items()}
        return template

    def _by_type(self, name: str, token: str, shape: Shape, seed: str, known: Mapping[str, str], depth: int) -> Any:
        """An output that the catalog does not describe: by its name where that says something, else by its type."""
        if shape.optional or depth > _DEPTH:
            return None
        match shape.kind:
            case Kind.TEXT if name == "arn" or name.endswith("Arn"):
                return _arn(token, known)
            case Kind.TEXT if name == "region":
                return known["region"]
            case Kind.TEXT:
                return shape.values[0] if shape.values else f"rehearsed-{_hex(seed, 8)}"
            case Kind.INTEGER | Kind.NUMBER:
                return 0
            case Kind.BOOLEAN:
                return False
            case Kind.LIST:
                return []
            case Kind.MAP:
                return {}
            case Kind.OBJECT:
                inner = {
                    each: self._by_type(each, token, member.shape(), f"{seed}\0{each}", known, depth + 1)
                    for each, member in shape.members.items()
                }
                return {each: value for each, value in inner.items() if value is not None}
        return None


def _by_default(token: str, known: Mapping[str, str], seed: str) -> str:
    return known.get("name") or f"{token.rpartition(':')[2].lower()}-{_hex(seed, 12)}"


def _arn(token: str, known: Mapping[str, str]) -> str:
    module = token.split(":")[1].partition("/")[0]
    kind = token.rpartition(":")[2].lower()
    return f"arn:{known['partition']}:{module}:{known['region']}:{known['account']}:{kind}/{known['id']}"


def _texts(inputs: Properties) -> dict[str, str]:
    return {
        name: str(value)
        for name, value in plain(inputs).items()
        if isinstance(value, str | int) and not is_unknown(value)
    }


def _derived(inputs: Properties) -> dict[str, str]:
    """Names inside other resources' ARNs, which the ARN of this one is made of."""
    balancer, listener = str(inputs.get("loadBalancerArn", "")), str(inputs.get("listenerArn", ""))
    return {
        "cluster_name": str(inputs.get("cluster", "default")).rpartition("/")[2],
        "loadBalancerArn_as_listener": balancer.replace(":loadbalancer/", ":listener/"),
        "listenerArn_as_rule": listener.replace(":listener/", ":listener-rule/"),
    }


def _field(name: str, seed: str, known: Mapping[str, str]) -> str:
    if name in known:
        return known[name]
    length = int("".join(each for each in name if each.isdigit()) or 0)
    match name.rstrip("0123456789"):
        case "hex":
            return _hex(seed, length)
        case "HEX":
            return _hex(seed, length).upper()
        case "digits":
            return str(int(_hex(seed, 32), 16))[:length]
        case "octet":
            return str(int(_hex(seed, 8), 16) % 254 + 1)
        case "uuid":
            return str(uuid.UUID(_hex(seed, 32)))
    return "rehearsed"


def _hex(seed: str, length: int) -> str:
    return hashlib.sha256(seed.encode()).hexdigest()[:length]
