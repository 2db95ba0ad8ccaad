"""A cloud's package as far as its SDK and its tables describe it: all there is of one that has no files of its own here.

Its inputs have names and types; what only a schema of somebody else's could validate counts as not validated.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from providers.rehearsal.cloud import Foreign
from providers.rehearsal.documents import check_json
from providers.rehearsal.findings import InputPlace, Seen, folded
from providers.rehearsal.rules import tables as by_table
from providers.rehearsal.rules.contract import CloudRule
from providers.rehearsal.sdk import Sdk
from providers.rehearsal.tables import table
from providers.rehearsal.values import Properties


class DescribedCloud:
    """The answers of the tables; a cloud with schemas, rules or look-ups of its own extends it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.schemas = table(name, "schemas")
        self.sdk = Sdk(self.schemas.get("sdk", f"pulumi_{name.replace('-', '_')}"), self.schemas.get("open_enums", ()))
        self.limits: Mapping[str, Any] = table(name, "limits")
        self.outputs: Mapping[str, Any] = table(name, "outputs")
        self.lookups: Mapping[str, Any] = table(name, "lookups")

    @property
    def rules(self) -> tuple[CloudRule, ...]:
        """Those that tables are enough for."""
        return by_table.RULES

    def foreign(self, token: str) -> list[Foreign]:
        """Nobody else describes a type."""
        return []

    def create_only(self, token: str) -> Mapping[str, bool] | None:
        """What the table of outputs says."""
        replaced = self.outputs.get("replaces", {}).get(token)
        return None if replaced is None else {folded(key): bool(value) for key, value in replaced.items()}

    def documents(self, token: str) -> Mapping[str, str]:
        """What the table of schemas says."""
        return dict(self.schemas.get("documents", {}).get(token, {}))

    def check_document(self, document: Any, place: InputPlace, grammar: str) -> tuple[str, Iterator[Seen]]:
        """JSON is JSON; nobody here reads another grammar."""
        return check_json(document, place, grammar)

    def identifiers(self, inputs: Properties) -> Mapping[str, str]:
        """Nothing beside the inputs."""
        return {}

    def invented(self, output: str, token: str, known: Mapping[str, str]) -> str | None:
        """No name says anything."""
        return None

    def worked_out(self, token: str, arguments: Properties) -> Properties | None:
        """None: the table answers."""
        return None

    def missing(self) -> list[str]:
        """Nothing beside the SDK is used."""
        return []
