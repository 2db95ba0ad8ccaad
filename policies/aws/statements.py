"""The statements of IAM policy documents, as rules read them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from plan.inputs import Inputs, NotKnown, texts_in
from plan.tokens import is_unknown

_POSITIVE = ("ArnEquals", "ArnLike", "StringEquals", "StringEqualsIgnoreCase", "StringLike")
# Condition keys whose values say whose the caller is, in lower case (docs.aws.amazon.com/IAM, global condition context keys).
_SAYING_WHO = frozenset(
    {
        "aws:principalaccount",
        "aws:principalarn",
        "aws:principalorgid",
        "aws:principalorgpaths",
        "aws:sourceaccount",
        "aws:sourcearn",
        "aws:sourceorgid",
        "aws:sourceorgpaths",
        "aws:sourceowner",
        "aws:sourcevpc",
        "aws:sourcevpce",
        "kms:calleraccount",
    }
)


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


def is_for_everybody(statement: Mapping[str, Any]) -> bool:
    """Whether it speaks of everybody in AWS, or of everybody except some."""
    named = statement.get("Principal")
    kinds = named.values() if isinstance(named, Mapping) else (named,)
    return "NotPrincipal" in statement or any("*" in texts_in(each) for each in kinds)


def is_bound(statement: Mapping[str, Any]) -> bool:
    """Whether a condition must hold that only callers of some accounts, organizations, networks or resources meet.

    An operator that also holds where the key is missing (`IfExists`, `ForAllValues`) binds nobody, nor does a pattern that
    leaves the account open. kms:ViaService says through what a call comes and not whose it is, so it is none of the keys.
    """
    return any(
        key.lower() in _SAYING_WHO and all(_is_somebody(each) for each in texts_in(values))
        for operator, wanted in (statement.get("Condition") or {}).items()
        if operator.removeprefix("ForAnyValue:") in _POSITIVE
        for key, values in wanted.items()
    )


def _is_somebody(value: str) -> bool:
    """Whether a value of a condition leaves open at most what stands behind an account, a name or an organization."""
    if value.startswith("arn:"):
        account, _, name = ":".join(value.split(":", 5)[4:]).partition(":")
        return not set("*?") & set(account) and bool(account or not name.startswith(("*", "?")))
    fixed = re.split(r"[*?]", value, maxsplit=1)
    return len(fixed) == 1 or "/" in fixed[0]


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
