"""What the rehearsal asks of a cloud's Pulumi package: who describes its types, what it refuses, what it would answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from providers.rehearsal.findings import InputPlace, Seen
from providers.rehearsal.rules.contract import CloudRule
from providers.rehearsal.sdk import Sdk
from providers.rehearsal.shapes import Shape
from providers.rehearsal.values import Properties


@dataclass(frozen=True, slots=True, kw_only=True)
class Foreign:
    """Somebody else's schema for a type: `label` for the report, and where its names differ from the SDK's.

    `names` maps a property's path to the shape it has there, or to None where the same name means something else.
    """

    label: str
    shape: Shape
    names: Mapping[str, Callable[[], Shape] | None]


class RehearsedCloud(Protocol):
    """One Pulumi package and all that is known of it. `DescribedCloud` is one that only tables describe.

    `name` is the first part of its type tokens; `limits`, `outputs` and `lookups` are its tables in the catalog.
    """

    name: str
    sdk: Sdk
    limits: Mapping[str, Any]
    outputs: Mapping[str, Any]
    lookups: Mapping[str, Any]

    @property
    def rules(self) -> tuple[CloudRule, ...]:
        """What it refuses although no schema says so."""
        ...

    def foreign(self, token: str) -> list[Foreign]:
        """The schemas of others for a type, the most exact one first."""
        ...

    def create_only(self, token: str) -> Mapping[str, bool] | None:
        """Top-level properties, folded -> whether a change takes a new resource; None where nobody says."""
        ...

    def documents(self, token: str) -> Mapping[str, str]:
        """Path of a text -> the grammar it is in."""
        ...

    def check_document(self, document: Any, place: InputPlace, grammar: str) -> tuple[str, Iterator[Seen]]:
        """Who checks a document that is known, and what is seen in it."""
        ...

    def identifiers(self, inputs: Properties) -> Mapping[str, str]:
        """What its identifiers are made of beside the inputs themselves, such as parts of other resources' identifiers."""
        ...

    def invented(self, output: str, token: str, known: Mapping[str, str]) -> str | None:
        """A text output that no table describes, by its name; None where the name says nothing."""
        ...

    def worked_out(self, token: str, arguments: Properties) -> Properties | None:
        """The answer to a look-up that only depends on its arguments; None where the table is to answer."""
        ...

    def missing(self) -> list[str]:
        """A sentence for each thing that is not installed, with what nobody checks therefore."""
        ...
