"""The statements of IAM policy documents, as rules read them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from plan.inputs import Inputs, NotKnown, texts_in
from plan.tokens import is_unknown


def statements(resource: Inputs, path: str) -> Iterator[Mapping[str, Any]]:
    """The statements that allow something, of the document at a path. Raises NotKnown."""
    document = resource.document(path)
    if document is None:
        return
    found = document.get("Statement") if isinstance(document, Mapping) else None
    for each in found if isinstance(found, list) else [found]:
        if is_unknown(each):
            raise NotKnown(f"a statement of {path} is not known before the first `up`")
        if isinstance(each, Mapping) and each.get("Effect") == "Allow":
            yield each


def actions(statement: Mapping[str, Any]) -> tuple[str, ...]:
    """The actions that it allows."""
    return tuple(texts_in(statement.get("Action")))


def resources(statement: Mapping[str, Any]) -> tuple[str, ...]:
    """The resources that it allows them on."""
    return tuple(texts_in(statement.get("Resource")))


def principals(statement: Mapping[str, Any], kind: str) -> tuple[str, ...]:
    """Whom of a kind (AWS, Service, Federated) it speaks of; `*` is everybody."""
    named = statement.get("Principal")
    return tuple(texts_in(named.get(kind) if isinstance(named, Mapping) else named))


def condition(statement: Mapping[str, Any], key: str) -> tuple[str, ...]:
    """The values that a condition asks a key to be equal to or like; none where nothing asks."""
    tests = statement.get("Condition") or {}
    return tuple(
        value
        for operator, wanted in tests.items()
        if operator.split(":")[-1].removesuffix("IfExists") in ("StringEquals", "StringLike")
        for name, values in wanted.items()
        if name.lower() == key.lower()
        for value in texts_in(values)
    )
