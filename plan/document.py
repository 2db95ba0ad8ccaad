"""Reads what `pulumi preview --json --show-sames` printed: every resource of a stack as it is and as it will be."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from plan.resource import PROVIDER, STACK, Resource, made

_LOOKED_AT = frozenset({"read", "read-replacement", "read-discard"})
_ONLY_OLD = frozenset({"delete", "delete-replaced", "discard", "discard-replaced", "remove-pending-replace"})
# Marks a step whose new state the engine left out without a word: it is not gone, nobody knows what it will be.
_UNREADABLE = "unreadable"
_URN = "urn:pulumi:"
_TOO_DEEP = "it is nested deeper than any resource's inputs are"


class NotAPreview(ValueError):
    """A document that is not what the engine prints; the text says what is missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """A planned change of one stack: its resources by URN, without providers and without what is only looked at.

    `components` names, by URN, the outermost component that a resource belongs to; empty where it belongs to none.
    """

    stack: str
    config: Mapping[str, str]
    components: Mapping[str, str]
    before: Mapping[str, Resource]
    after: Mapping[str, Resource]


def parse(text: str) -> Preview:
    """The preview in what the engine printed; remarks in front of the document are skipped. Raises NotAPreview."""
    try:
        document = json.loads(text[max(text.find("{"), 0) :], parse_float=Decimal, parse_int=Decimal)
    except ValueError as error:
        raise NotAPreview(f"it is not JSON ({error})") from None
    except RecursionError:
        raise NotAPreview(_TOO_DEEP) from None
    return read(document)


def read(document: Any) -> Preview:
    """The preview in a parsed document. Raises NotAPreview."""
    steps = document.get("steps") if isinstance(document, dict) else None
    if not isinstance(steps, list) or not all(isinstance(step, dict) and "urn" in step for step in steps):
        raise NotAPreview("it has no list `steps` as `pulumi preview --json` prints it")
    config = {key: value for key, value in _map(document, "config", "it").items() if isinstance(value, str)}
    before, after = _sides(steps)
    states = {**before, **after}
    try:
        return Preview(
            stack=_stack(steps),
            config=config,
            components={urn: _component(urn, states) for urn in states},
            before=_resources(before, config),
            after=_resources(after, config),
        )
    except RecursionError:
        raise NotAPreview(_TOO_DEEP) from None


def _sides(steps: Iterable[Mapping[str, Any]]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The states by URN as they are and as they will be.

    A replacement may be told in several steps, of which only one has the new state. Where none has, and one is not about the old
    one alone, nobody knows what will be.
    """
    before: dict[str, Any] = {}
    after: dict[str, Any] = {}
    unwritten: dict[str, Any] = {}
    for step in steps:
        urn, op = _checked_urn(step["urn"]), str(step.get("op"))
        if op in _LOOKED_AT:
            continue
        old, new = _state(step, "oldState"), _state(step, "newState")
        if old is not None:
            before.setdefault(urn, old)
        if new is not None:
            after.setdefault(urn, new)
        elif op not in _ONLY_OLD:
            unwritten.setdefault(urn, {**(old or {"type": _type_of(urn)}), _UNREADABLE: True})
    return before, {**unwritten, **after}


def _checked_urn(urn: Any) -> str:
    if not isinstance(urn, str) or not urn.startswith(_URN) or urn.count("::") < 3:
        raise NotAPreview(f"a step's urn is {urn!r}, which names no stack, project, type and resource")
    return urn


def _state(step: Mapping[str, Any], key: str) -> Mapping[str, Any] | None:
    """A side of a step; None where it has none. Its parts are as `_resource` and `_component` take them."""
    state = step.get(key)
    if state is None:
        return None
    where = f"the {key} of {step['urn']}"
    if not isinstance(state, dict) or not isinstance(state.get("type"), str):
        raise NotAPreview(f"{where} is no map with a type")
    for part in ("inputs", "outputs", "propertyDependencies"):
        _map(state, part, where)
    if not all(isinstance(each or [], list) for each in _map(state, "propertyDependencies", where).values()):
        raise NotAPreview(f"a propertyDependency in {where} is no list")
    for part in ("parent", "provider"):
        if not isinstance(state.get(part) or "", str):
            raise NotAPreview(f"{part} in {where} is no text")
    return state


def _map(holder: Mapping[str, Any], key: str, where: str) -> Mapping[str, Any]:
    value = holder.get(key) or {}
    if not isinstance(value, dict):
        raise NotAPreview(f"{key} in {where} is no map")
    return value


def _resources(states: Mapping[str, Any], config: Mapping[str, str]) -> dict[str, Resource]:
    """The stack's own: a provider is none, nor is something that belongs to somebody else and is only referred to."""
    return {
        urn: _resource(urn, state, states, config)
        for urn, state in states.items()
        if not state.get("external") and not state["type"].startswith(PROVIDER)
    }


def _resource(urn: str, state: Mapping[str, Any], states: Mapping[str, Any], config: Mapping[str, str]) -> Resource:
    provider, _, _ = str(state.get("provider") or "").rpartition("::")
    return made(
        urn=urn,
        type_=state["type"],
        custom=bool(state.get("custom", True)),
        readable=not state.get(_UNREADABLE),
        inputs=state.get("inputs") or {},
        outputs=state.get("outputs") or {},
        provider=(states.get(provider) or {}).get("inputs") or {},
        provider_name=provider.rpartition("::")[2],
        config=config,
        links=state.get("propertyDependencies") or {},
    )


def _component(urn: str, states: Mapping[str, Any]) -> str:
    """The name of the outermost component a resource belongs to; empty where it belongs to none."""
    component = ""
    parent, seen = states[urn].get("parent"), {urn}
    while parent in states and parent not in seen and states[parent]["type"] != STACK:
        component = parent.rpartition("::")[2]
        seen.add(parent)
        parent = states[parent].get("parent")
    return component


def _stack(steps: Iterable[Mapping[str, Any]]) -> str:
    return next((step["urn"].split("::")[0].removeprefix(_URN) for step in steps), "")


def _type_of(urn: str) -> str:
    return urn.split("::")[2].rpartition("$")[2]
