"""The resources of a plan as the engine prints it: `pulumi preview --json --show-sames`, parsed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from policies.planned import Planned, is_unknown, plain

_PROVIDER = "pulumi:providers:"
_LOOKED_AT = frozenset({"read", "read-replacement", "read-discard"})


def planned_in(document: Mapping[str, Any]) -> tuple[Planned, ...]:
    """Every resource as it will be after the change; what only a look-up brought in is not among them."""
    states = {
        step["urn"]: step["newState"]
        for step in document.get("steps") or ()
        if "newState" in step and step.get("op") not in _LOOKED_AT and not step["newState"].get("external")
    }
    config = {key: value for key, value in (document.get("config") or {}).items() if isinstance(value, str)}
    return tuple(
        _planned(state, states, config) for state in states.values() if not state["type"].startswith(_PROVIDER)
    )


def provider_tags(provider: Mapping[str, Any]) -> dict[str, str]:
    """The tags that a provider with these inputs gives to everything it makes."""
    tags = (decoded(provider.get("defaultTags")) or {}).get("tags") or {}
    return {str(key): str(value) for key, value in plain(tags).items()}


def region_of(inputs: Mapping[str, Any], provider: Mapping[str, Any], config: Mapping[str, str]) -> str:
    """Where a resource is made: what it says itself, its provider, or the stack's config; empty where none is known."""
    choices = (plain(inputs.get("region")), plain(provider.get("region")), config.get("aws:region"))
    return next((each for each in choices if isinstance(each, str) and each and not is_unknown(each)), "")


def decoded(value: Any) -> dict[str, Any]:
    """A provider's structured input, which travels as a text of JSON."""
    value = plain(value)
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            return {}
    return value if isinstance(value, dict) else {}


def _planned(state: Mapping[str, Any], states: Mapping[str, Any], config: Mapping[str, str]) -> Planned:
    urn, _, _ = str(state.get("provider") or "").rpartition("::")
    provider = (states.get(urn) or {}).get("inputs") or {}
    inputs = plain(state.get("inputs") or {})
    return Planned(
        urn=state["urn"],
        type=state["type"],
        inputs=inputs,
        links={key: tuple(urns) for key, urns in (state.get("propertyDependencies") or {}).items() if urns},
        default_tags=provider_tags(provider),
        region=region_of(inputs, provider, config) if state["type"].startswith("aws:") else "",
    )
