"""Which schemas of AWS's describe a type of the SDK, by the tables in `catalog/rehearsal/aws/`."""

from __future__ import annotations

import functools
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from providers.rehearsal.cloud import Foreign
from providers.rehearsal.clouds.aws import botocore_models, cloudformation
from providers.rehearsal.findings import folded
from providers.rehearsal.shapes import ANY, Shape, inside


class Schemas:
    """Two tables: `schemas` says which shape or type a token is and what differs in names, `outputs` what replaces."""

    def __init__(self, schemas: Mapping[str, Any], outputs: Mapping[str, Any]) -> None:
        self._data = schemas
        self._outputs = outputs

    def foreign(self, token: str) -> list[Foreign]:
        """The schemas for a type, the most exact one first."""
        found = []
        if token in self._data["botocore"]:
            service, name = self._data["botocore"][token]
            shape = self.api_shape(service, name)
            if shape:
                found.append(self._described(f"botocore {service}.{name}", f"{service}.{name}", shape))
        type_name = self.cloudformation_type(token)
        shape = cloudformation.shape(type_name) if type_name else None
        if shape:
            found.append(self._described(f"cloudformation {type_name}", type_name, shape))
        return found

    def cloudformation_type(self, token: str) -> str:
        """The CloudFormation type of the same thing, or an empty text."""
        explicit: str | None = self._data["cloudformation"].get(token)
        if explicit:
            return explicit
        module, _, name = token.partition(":")[2].partition("/")
        service = self._data["services"].get(module, module)
        return _cloudformation_names().get(folded(f"AWS::{service}::{name.rpartition(':')[2]}"), "")

    def create_only(self, token: str) -> Mapping[str, bool] | None:
        """Top-level properties -> whether a change takes a new resource; None where nobody says.

        A property is named as on the wire.
        """
        replaced = self._outputs["replaces"].get(token)
        type_name = self.cloudformation_type(token)
        paths = cloudformation.create_only(type_name) if type_name else None
        if paths is None and replaced is None:
            return None
        names = {path: shown for shown, path in self._data["names"].get(type_name, {}).items() if path}
        wire = {folded(names.get(path, path).partition(".")[0]): True for path in paths or () if _is_whole(path)}
        wire.update({folded(key): bool(value) for key, value in (replaced or {}).items()})
        return wire

    def api_shape(self, service: str, name: str) -> Shape | None:
        """A shape of an API's model; None where it is not there."""
        return botocore_models.shape(service, name, self._api_shapes.get(service, ()))

    @functools.cached_property
    def _api_shapes(self) -> Mapping[str, frozenset[str]]:
        """Service -> all shapes of its model that the tables name."""
        shapes: dict[str, set[str]] = defaultdict(set)
        for service, name in self._data["botocore"].values():
            shapes[service].add(name)
        for names in self._data["names"].values():
            for path in names.values():
                if path.startswith("@"):
                    service, name, *_ = path.removeprefix("@").split(".")
                    shapes[service].add(name)
        return {service: frozenset(names) for service, names in shapes.items()}

    def required_in(self, shape_name: str) -> tuple[str, ...]:
        """What AWS requires in a document although its model does not say so."""
        return tuple(self._data["required"].get(shape_name, ()))

    def renamed(self, shape: Shape, path: str) -> Shape:
        """The shape at a dotted path, through lists; `@service.Shape.path` begins at a shape of an API instead."""
        if path.startswith("@"):
            service, name, *rest = path.removeprefix("@").split(".")
            found = self.api_shape(service, name)
            return inside(found, ".".join(rest)) if found else ANY
        return inside(shape, path)

    def _described(self, label: str, key: str, shape: Shape) -> Foreign:
        given = self._data["names"].get(key, {})
        names = {own: functools.partial(self.renamed, shape, path) if path else None for own, path in given.items()}
        return Foreign(label=label, shape=shape, names=names)


def _is_whole(path: str) -> bool:
    """Whether a create-only path speaks of a property, not of one inside a list of many."""
    return "*" not in path


@functools.cache
def _cloudformation_names() -> Mapping[str, str]:
    return {folded(each): each for each in cloudformation.type_names()}
