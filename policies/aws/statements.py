"""The statements of IAM policy documents, as rules read them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, cast

from plan.inputs import Inputs, NotKnown, every, known_first, some
from plan.tokens import HIDDEN, is_unknown

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
    """The statements that allow something, of the document at a path. Raises NotKnown, for one of them behind the others."""
    document = resource.document(path)
    if document is None:
        return
    if not isinstance(document, Mapping):
        raise NotKnown(f"{path} is no policy document")
    found = _seen(document.get("Statement"), f"Statement of {path}")
    for each in known_first(found if isinstance(found, list) else [found], lambda one: _statement(one, path)):
        if each.get("Effect") == "Allow":
            yield each


def actions(statement: Mapping[str, Any]) -> Iterator[str]:
    """The actions that it allows. Raises NotKnown, for one of them behind the others."""
    return _texts(statement.get("Action"), "an Action of a statement")


def resources(statement: Mapping[str, Any]) -> Iterator[str]:
    """The resources that it allows them on. Raises NotKnown, for one of them behind the others."""
    return _texts(statement.get("Resource"), "a Resource of a statement")


def is_everything(resource: str) -> bool:
    """Whether a resource is all that a service has: `*` in any number, or an ARN that leaves open what stands behind the account.

    Of IAM, all roles count as much: what passes on or changes a role can do whatever it may.
    """
    named = resource.split(":", 5)[-1]
    if ":iam:" in resource:
        named = named.removeprefix("role/")
    return "*" in named and set(named) <= set("*?/:")


def principals(statement: Mapping[str, Any], kind: str) -> Iterator[str]:
    """Whom of a kind (AWS, Service, Federated) it speaks of; `*` is everybody. Raises NotKnown, for one behind the others."""
    named = _seen(statement.get("Principal"), "the Principal of a statement")
    return _texts(named.get(kind) if isinstance(named, Mapping) else named, "a Principal of a statement")


def is_for_everybody(statement: Mapping[str, Any]) -> bool:
    """Whether it speaks of everybody in AWS, or of everybody except some. Raises NotKnown."""
    named = _seen(statement.get("Principal"), "the Principal of a statement")
    kinds = named.values() if isinstance(named, Mapping) else (named,)
    said = (each for kind in kinds for each in (kind if isinstance(kind, list) else [kind]))
    return "NotPrincipal" in statement or some(said, lambda each: _seen(each, "a Principal of a statement") == "*")


def is_bound(statement: Mapping[str, Any]) -> bool:
    """Whether a condition must hold that only callers of some accounts, organizations, networks or resources meet.

    An operator that also holds where the key is missing (`IfExists`, `ForAllValues`) binds nobody, nor does a pattern that
    leaves the account open. kms:ViaService says through what a call comes and not whose it is, so it is none of the keys.
    """
    tests = (
        values
        for operator, key, values in _conditions(statement)
        if operator.removeprefix("ForAnyValue:") in _POSITIVE and key.lower() in _SAYING_WHO
    )
    return some(tests, lambda values: every(_listed(values), _is_somebody))


def is_bound_to(statement: Mapping[str, Any], key: str, value: str) -> bool:
    """Whether a condition holds only where a key is there and has this one value, letter by letter.

    Every value that it takes must be this one: another, or a pattern, lets in what is somebody else's.
    """
    tests = (
        _listed(values)
        for operator, name, values in _conditions(statement)
        if operator.removeprefix("ForAnyValue:") in ("StringEquals", "StringLike") and name.lower() == key.lower()
    )
    return some(tests, lambda values: every(values, lambda each: _seen(each, "a value of a Condition") == value))


def _is_somebody(said: object) -> bool:
    """Whether a value of a condition leaves open at most what stands behind an account, a name or an organization."""
    value = str(_seen(said, "a value of a Condition"))
    if value.startswith("arn:"):
        account, _, name = ":".join(value.split(":", 5)[4:]).partition(":")
        return not set("*?") & set(account) and bool(account or not name.startswith(("*", "?")))
    fixed = re.split(r"[*?]", value, maxsplit=1)
    return len(fixed) == 1 or "/" in fixed[0]


def condition(statement: Mapping[str, Any], key: str) -> Iterator[str]:
    """The values that a condition asks a key to be equal to or like; none where nothing asks.

    Raises NotKnown, for one of them behind the others.
    """
    asked = [
        value
        for operator, name, values in _conditions(statement)
        if operator.split(":")[-1].removesuffix("IfExists") in ("StringEquals", "StringLike")
        if name.lower() == key.lower()
        for value in _listed(values)
    ]
    return _texts(asked, "a value of a Condition")


def _conditions(statement: Mapping[str, Any]) -> Iterator[tuple[str, str, Any]]:
    """Each operator with a key and its values."""
    tests = _seen(statement.get("Condition") or {}, "the Condition of a statement")
    for operator, wanted in tests.items() if isinstance(tests, Mapping) else ():
        keys = _seen(wanted, "the Condition of a statement")
        yield from ((operator, key, values) for key, values in (keys.items() if isinstance(keys, Mapping) else ()))


def _statement(value: Any, path: str) -> Mapping[str, Any]:
    if not isinstance(_seen(value, f"a statement of {path}"), Mapping):
        return {}
    _seen(value.get("Effect"), f"the Effect of a statement of {path}")
    return cast("Mapping[str, Any]", value)


def _texts(value: Any, what: str) -> Iterator[str]:
    """A text, or the texts of a list: what policy documents write in either form. Raises NotKnown behind those that are known."""
    return known_first(_listed(value), lambda each: _text(each, what))


def _text(value: Any, what: str) -> str:
    if not isinstance(_seen(value, what), str):
        raise NotKnown(f"{what} is no text")
    return str(value)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _seen(value: Any, what: str) -> Any:
    if is_unknown(value):
        raise NotKnown(f"{what} is not known before the first `up`")
    if value == HIDDEN:
        raise NotKnown(f"{what} is secret and not shown in this preview")
    return value
