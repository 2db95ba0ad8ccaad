"""Property values as the engine sends them: JSON in which a value may be unknown, or wrapped as a secret or an asset."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from plan import tokens
from plan.tokens import SECRET, SIGNATURE, is_unknown
from providers.values import plain as plain

_ASSETS = frozenset({"c44067f5952c0a294b673a41bacd8c17", "0def7320c3a5731c473e5ecbe6d01bc7"})

Properties = dict[str, Any]
Path = tuple[str | int, ...]


def is_asset(value: object) -> bool:
    """Whether this value is a file or an archive."""
    return isinstance(value, Mapping) and value.get(SIGNATURE) in _ASSETS


def opened(value: Any) -> tuple[Any, bool]:
    """The value without its wrapper, and whether it was a secret."""
    return tokens.opened(value), tokens.is_secret(value)


def secret(value: Any) -> dict[str, Any]:
    """The value wrapped as a secret."""
    return {SIGNATURE: SECRET, "value": value}


def leaves(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Every value that holds no further ones, with its path; an unknown or empty one counts as a leaf."""
    value, _ = opened(value)
    if isinstance(value, Mapping) and value and not is_asset(value):
        for key, item in value.items():
            yield from leaves(item, (*path, key))
    elif isinstance(value, list) and value:
        for index, item in enumerate(value):
            yield from leaves(item, (*path, index))
    else:
        yield path, value


def at(value: Any, *path: str | int) -> Any:
    """The plain value at a path; None where there is none or where it is not known yet."""
    for step in path:
        value, _ = opened(value)
        if isinstance(step, int):
            value = value[step] if isinstance(value, list) and step < len(value) else None
        else:
            value = value.get(step) if isinstance(value, Mapping) else None
    value = plain(value)
    return None if is_unknown(value) else value


def items(value: Any, *path: str | int) -> list[Any]:
    """The elements of the list at a path that are known."""
    found = at(value, *path)
    return [each for each in found if not is_unknown(each)] if isinstance(found, list) else []


def dotted(path: Path) -> str:
    """A path as text: `a.b[0].c`."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).removeprefix(".")


def type_of(urn: str) -> str:
    """The type token in a URN, without its parents' types."""
    return urn.split("::")[2].rpartition("$")[2]


def name_of(urn: str) -> str:
    """The name that the program gave a resource."""
    return urn.split("::", 3)[3]
