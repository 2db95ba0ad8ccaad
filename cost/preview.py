"""Reads what `pulumi preview --json --show-sames` printed: every resource of a stack as it is and as it will be."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Any

from cost.inputs import UNKNOWN, Inputs

_PROVIDER = "pulumi:providers:"
_STACK = "pulumi:pulumi:Stack"
_NOT_OURS = frozenset({"read", "read-replacement", "read-discard"})
_ONLY_OLD = frozenset({"delete", "discard", "remove-pending-replace"})


class NotAPreview(ValueError):
    """A document that is not what the engine prints; the text says what is missing."""


class Op(StrEnum):
    """What a change does to a line of the bill."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"
    SAME = "same"


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """One resource, before or after the change. `links` are the resources that an input refers to, by the input's name."""

    urn: str
    type: str
    name: str
    region: str
    inputs: Inputs
    links: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """All resources of a stack at one time: before the change or after it."""

    resources: Mapping[str, Resource]

    def linked(self, resource: Resource, link: str, type_: str) -> Resource | None:
        """The first resource of a type that an input of `resource` refers to; None when it is not in this stack."""
        found = (self.resources.get(urn) for urn in resource.links.get(link, ()))
        return next((each for each in found if each and each.type == type_), None)

    def referring(self, resource: Resource, type_: str) -> tuple[Resource, ...]:
        """The resources of a type that refer to `resource` by any input."""
        return tuple(
            each
            for each in self.resources.values()
            if each.type == type_ and any(resource.urn in urns for urns in each.links.values())
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """A planned change of one stack."""

    stack: str
    config: Mapping[str, str]
    components: Mapping[str, str]
    before: Side
    after: Side
    unreadable: tuple[str, ...]


def parse(text: str) -> Preview:
    """The preview in what the engine printed; remarks in front of the document are skipped. Raises NotAPreview."""
    try:
        document = json.loads(text[max(text.find("{"), 0) :], parse_float=Decimal, parse_int=Decimal)
    except ValueError as error:
        raise NotAPreview(f"it is not JSON ({error})") from None
    return read(document)


def read(document: Any) -> Preview:
    """The preview in a parsed document. Raises NotAPreview."""
    steps = document.get("steps") if isinstance(document, dict) else None
    if not isinstance(steps, list) or not all(isinstance(step, dict) and "urn" in step for step in steps):
        raise NotAPreview("it has no list `steps` as `pulumi preview --json` prints it")
    config = {key: value for key, value in (document.get("config") or {}).items() if isinstance(value, str)}
    before: dict[str, Any] = {}
    after: dict[str, Any] = {}
    unreadable: list[str] = []
    for step in steps:
        urn, op = step["urn"], str(step.get("op"))
        if op in _NOT_OURS:
            continue
        if "oldState" in step:
            before.setdefault(urn, step["oldState"])
        if "newState" in step:
            after.setdefault(urn, step["newState"])
        elif op not in _ONLY_OLD:
            unreadable.append(urn)
    states = {**before, **after}
    return Preview(
        stack=_stack(steps),
        config=config,
        components={urn: _component(urn, states) for urn in states},
        before=_side(before, config),
        after=_side(after, config),
        unreadable=tuple(unreadable),
    )


def _side(states: Mapping[str, Any], config: Mapping[str, str]) -> Side:
    return Side(
        resources={
            urn: Resource(
                urn=urn,
                type=state["type"],
                name=urn.rpartition("::")[2],
                region=_region(state, states, config),
                inputs=Inputs(
                    type=state["type"], values=state.get("inputs") or {}, fallback=state.get("outputs") or {}
                ),
                links={key: tuple(urns) for key, urns in (state.get("propertyDependencies") or {}).items() if urns},
            )
            for urn, state in states.items()
            if _is_priceable(state)
        }
    )


def _is_priceable(state: Mapping[str, Any]) -> bool:
    """A real resource that this stack owns: neither a component nor a provider nor something only looked at."""
    return bool(state.get("custom")) and not state.get("external") and not state["type"].startswith(_PROVIDER)


def _region(state: Mapping[str, Any], states: Mapping[str, Any], config: Mapping[str, str]) -> str:
    """From the resource itself, its provider, or the stack's config; empty when none of them says."""
    inputs = state.get("inputs") or {}
    provider, _, _ = str(state.get("provider") or "").rpartition("::")
    of_provider = (states.get(provider) or {}).get("inputs") or {}
    cloud = state["type"].partition(":")[0]
    choices = (
        inputs.get("region"),
        inputs.get("location"),
        of_provider.get("region"),
        of_provider.get("location"),
        config.get(f"{cloud}:region"),
        config.get(f"{cloud}:location"),
    )
    return next((each for each in choices if isinstance(each, str) and each and each != UNKNOWN), "")


def _component(urn: str, states: Mapping[str, Any]) -> str:
    """The name of the outermost component a resource belongs to; empty where it belongs to none."""
    component = ""
    parent = (states.get(urn) or {}).get("parent")
    while parent and parent in states and states[parent]["type"] != _STACK:
        component = parent.rpartition("::")[2]
        parent = states[parent].get("parent")
    return component


def _stack(steps: Iterable[Mapping[str, Any]]) -> str:
    return next((step["urn"].split("::")[0].removeprefix("urn:pulumi:") for step in steps), "")
