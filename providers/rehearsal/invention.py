"""The outputs of things that were never made: of the right shape, and the same for the same inputs every time."""

from __future__ import annotations

import hashlib
import json
import re
import uuid
from collections.abc import Mapping
from typing import Any

from plan.tokens import UNKNOWN, is_unknown
from providers.rehearsal.cloud import RehearsedCloud
from providers.rehearsal.shapes import Kind, Shape
from providers.rehearsal.values import Properties, at, name_of, plain

_FIELD = re.compile(r"\{(\w+)\}")
_DEPTH = 4


def auto_name(outputs: Mapping[str, Any], urn: str, token: str) -> tuple[str, str] | None:
    """The property and name that the provider gives a resource without one; None where it gives none."""
    rules = outputs.get("autonaming", {})
    rule = rules.get(token, rules.get("default"))
    if rule is None or token in outputs.get("never_named", {}).get("types", ()):
        return None
    name = f"{name_of(urn)}-{_hex(urn, 7)}"
    return rule["property"], name.lower() if rule.get("lower") else name


def foretold(inputs: Properties, outputs: Shape) -> Properties:
    """What a preview shows: the inputs, and every other output as unknown."""
    missing = {name: UNKNOWN for name, member in outputs.members.items() if not member.shape().optional}
    return {**missing, **inputs}


class Inventor:
    """Invents for one cloud: where its resources pretend to be is in its table, until the provider's config says otherwise."""

    def __init__(self, cloud: RehearsedCloud) -> None:
        self._cloud = cloud
        self._table = cloud.outputs
        self._account = {name: str(value) for name, value in self._table.get("account", {}).items()}

    def configure(self, config: Properties) -> None:
        """Take from a provider's configuration what it says of account and place."""
        told = {name: at(config, name) for name in self._account}
        self._account.update({name: value for name, value in told.items() if isinstance(value, str) and value})

    def create(self, urn: str, token: str, inputs: Properties, shape: Shape) -> tuple[str, Properties]:
        """An id and all outputs of a new resource."""
        seed = f"{urn}\0{json.dumps(plain(inputs), sort_keys=True, default=str)}"
        known = {**self._account, **_texts(inputs), **self._cloud.identifiers(plain(inputs))}
        described = dict(self._table.get("types", {}).get(token, {}))
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
        made: Properties = self._made(dict(template), seed, {**self._account, **_texts(arguments)})
        return made

    def counting(self, token: str) -> tuple[str, ...]:
        """Outputs that count up with each update."""
        return tuple(self._table.get("counts", {}).get(token, ()))

    def _filled(self, template: str, seed: str, known: dict[str, str], described: Mapping[str, Any]) -> str:
        """The id, which may be an output that stands beside it."""
        whole = _FIELD.fullmatch(template)
        if whole and whole[1] in described:
            return str(self._made(described[whole[1]], f"{seed}\0{whole[1]}", known))
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
            case Kind.TEXT if (text := self._cloud.invented(name, token, known)) is not None:
                return text
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


def _texts(inputs: Properties) -> dict[str, str]:
    return {
        name: str(value)
        for name, value in plain(inputs).items()
        if isinstance(value, str | int) and not is_unknown(value)
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
