"""One resource of a stack, as it is or as it will be: what it is, its inputs, what it refers to, and where it is."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from catalog.clouds import Cloud, cloud_of_type
from plan.tokens import HIDDEN, UNKNOWN, plain

# The stack itself, and what the types of providers begin with.
STACK = "pulumi:pulumi:Stack"
PROVIDER = "pulumi:providers:"
# Packages whose types a cloud never sees: the engine's own, and components of this kit, whose parts are resources themselves.
ENGINE = frozenset({"pulumi", "trimaran"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """One resource. `links` are the URNs that an input refers to, by the input's name.

    `custom` says that a provider makes it: a component only groups others. `default_tags` and `region` are what its provider
    adds to it; empty where that is nothing or not known. `outputs` are there only for what exists. `readable` is False where
    the engine could not write down what it will be.
    """

    urn: str
    type: str
    inputs: Mapping[str, Any]
    outputs: Mapping[str, Any] = field(default_factory=dict)
    links: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    default_tags: Mapping[str, str] = field(default_factory=dict)
    region: str = ""
    custom: bool = True
    readable: bool = True

    @property
    def name(self) -> str:
        """What the program calls it."""
        return self.urn.rpartition("::")[2]

    def refers_to(self, urn: str) -> bool:
        """Whether any input refers to the resource of this URN."""
        return any(urn in urns for urns in self.links.values())


def made(
    *,
    urn: str,
    type_: str,
    custom: bool,
    inputs: Mapping[str, Any],
    provider: Mapping[str, Any],
    config: Mapping[str, str],
    outputs: Mapping[str, Any] | None = None,
    links: Mapping[str, Iterable[str]] | None = None,
    readable: bool = True,
) -> Resource:
    """A resource from what the engine says of it; `provider` are its provider's inputs, `config` the stack's."""
    inputs, provider = plain(inputs), plain(provider)
    return Resource(
        urn=urn,
        type=type_,
        inputs=inputs,
        outputs=plain(outputs or {}),
        links={key: tuple(urns) for key, urns in (links or {}).items() if urns},
        default_tags=_tags(provider),
        region=region_of(type_, inputs, provider, config),
        custom=custom,
        readable=readable,
    )


def region_of(type_: str, inputs: Mapping[str, Any], provider: Mapping[str, Any], config: Mapping[str, str]) -> str:
    """Where a resource is: as it says itself, its provider, or the stack's config; empty where none does or no cloud is known."""
    cloud = cloud_of_type(type_)
    if cloud is None:
        return ""
    choices = (*_said_in(inputs, cloud), *_said_in(provider, cloud), *(config.get(key) for key in cloud.region_keys))
    return next((each for each in choices if each), "")


def _said_in(values: Mapping[str, Any], cloud: Cloud) -> Iterator[str]:
    """Regions that inputs name, directly or by a zone of one."""
    yield from (_known_text(values.get(each)) for each in cloud.region_inputs)
    yield from (_known_text(values.get(each)).rpartition("-")[0] for each in cloud.zone_inputs)


def _known_text(value: Any) -> str:
    return value if isinstance(value, str) and value not in (UNKNOWN, HIDDEN) else ""


def _tags(provider: Mapping[str, Any]) -> dict[str, str]:
    """The tags that a provider with these inputs gives to everything it makes."""
    tags = _decoded(provider.get("defaultTags")).get("tags") or {}
    return {str(key): str(value) for key, value in tags.items()}


def _decoded(value: Any) -> Mapping[str, Any]:
    """A provider's structured input, which travels as a text of JSON."""
    if isinstance(value, str):
        try:
            value = plain(json.loads(value))
        except ValueError:
            return {}
    return value if isinstance(value, Mapping) else {}
