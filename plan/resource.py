"""One resource of a stack, as it is or as it will be: what it is, its inputs, what it refers to, and where it is."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from catalog.clouds import cloud_of_type
from plan.tokens import HIDDEN, UNKNOWN, plain

# The stack itself, and what the types of providers begin with.
STACK = "pulumi:pulumi:Stack"
PROVIDER = "pulumi:providers:"
# Packages whose types a cloud never sees: the engine's own, and components of this kit, whose parts are resources themselves.
ENGINE = frozenset({"pulumi", "trimaran"})
# What the engine calls a provider that the program has not made: `default`, `default_7_12_0`.
_BY_DEFAULT = re.compile(r"(default(_\d.*)?)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """One resource. `links` are the URNs that an input refers to, by the input's name.

    `custom` says that a provider makes it: a component only groups others. `default_tags` and `region` are what its provider
    adds to it; the tags are None and the region is empty where that is not known. `outputs` are there only for what exists. `readable` is False where
    the engine could not write down what it will be.
    """

    urn: str
    type: str
    inputs: Mapping[str, Any]
    outputs: Mapping[str, Any] = field(default_factory=dict)
    links: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    default_tags: Mapping[str, str] | None = field(default_factory=dict)
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
    provider_name: str = "",
    outputs: Mapping[str, Any] | None = None,
    links: Mapping[str, Iterable[str]] | None = None,
    readable: bool = True,
) -> Resource:
    """A resource from what the engine says of it; `provider` are its provider's inputs, `config` the stack's.

    Without a name of its provider it has the one that the engine makes itself.
    """
    inputs, provider = plain(inputs), plain(provider)
    return Resource(
        urn=urn,
        type=type_,
        inputs=inputs,
        outputs=plain(outputs or {}),
        links={key: tuple(urns) for key, urns in (links or {}).items() if urns},
        default_tags=_tags(provider),
        region=region_of(type_, inputs, provider, config, by_default=bool(_BY_DEFAULT.fullmatch(provider_name))),
        custom=custom,
        readable=readable,
    )


def region_of(
    type_: str,
    inputs: Mapping[str, Any],
    provider: Mapping[str, Any],
    config: Mapping[str, str],
    *,
    by_default: bool = True,
) -> str:
    """Where a resource is: as it says itself, its provider or, with the engine's own provider, the stack's config.

    Whoever of them speaks first decides: one that is not known or not shown yet leaves it empty. So it is where none does, where
    no cloud is known, and with an explicit provider that says nothing, for such a one does not read the config.
    """
    cloud = cloud_of_type(type_)
    if cloud is None:
        return ""
    said = (values.get(each) for values in (inputs, provider) for each in cloud.region_inputs)
    configured = (config.get(key) for key in cloud.region_keys if by_default)
    first = next((each for each in (*said, *configured) if each), "")
    if not isinstance(first, str) or first in (UNKNOWN, HIDDEN):
        return ""
    return re.sub(f"{cloud.zone_suffix}$", "", first) if cloud.zone_suffix else first


def _tags(provider: Mapping[str, Any]) -> dict[str, str] | None:
    """The tags that a provider with these inputs gives to everything it makes; None where they cannot be read."""
    block = _decoded(provider.get("defaultTags"))
    tags = block.get("tags") if isinstance(block, Mapping) else block
    if tags is None:
        return {}
    return {str(key): str(value) for key, value in tags.items()} if isinstance(tags, Mapping) else None


def _decoded(value: Any) -> Any:
    """A provider's structured input, which travels as a text of JSON; the text itself where it is none."""
    if isinstance(value, str):
        try:
            return plain(json.loads(value))
        except ValueError:
            return value
    return value
