"""Previews in the engine's own shape, made by hand: a resource a line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

STACK = "urn:pulumi:demo-dev::demo::pulumi:pulumi:Stack::demo-demo-dev"
NOT_KNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"

Step = dict[str, Any]


def urn(type_: str, name: str) -> str:
    """The address of a resource."""
    return f"urn:pulumi:demo-dev::demo::{type_}::{name}"


def state(
    type_: str,
    name: str = "one",
    /,
    *,
    links: Mapping[str, Sequence[str]] | None = None,
    parent: str = STACK,
    custom: bool = True,
    outputs: Mapping[str, Any] | None = None,
    **inputs: Any,
) -> dict[str, Any]:
    """A resource's state as the engine writes it."""
    return {
        "urn": urn(type_, name),
        "custom": custom,
        "type": type_,
        "parent": parent,
        "inputs": inputs,
        "outputs": dict(outputs or {}),
        "propertyDependencies": {key: list(value) for key, value in (links or {}).items()},
    }


def step(old: Mapping[str, Any] | None, new: Mapping[str, Any] | None, op: str = "") -> Step:
    """One step of a preview."""
    some = new or old or {}
    states = {"oldState": old, "newState": new}
    return {
        "op": op or ("create" if old is None else "delete" if new is None else "same" if old == new else "update"),
        "urn": some["urn"],
        **{key: value for key, value in states.items() if value is not None},
    }


def created(*states: Mapping[str, Any], region: str = "us-east-1", **config: str) -> dict[str, Any]:
    """A preview that makes all of these."""
    return preview(*(step(None, each) for each in states), region=region, **config)


def preview(*steps: Step, region: str = "us-east-1", **config: str) -> dict[str, Any]:
    """A preview of these steps."""
    return {"config": {"aws:region": region, **config}, "steps": list(steps)}
