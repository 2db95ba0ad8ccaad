"""Property values as the engine sends them: plain JSON in which a value may be unknown or wrapped as a secret."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from plan.tokens import is_secret, is_unknown
from providers.values import plain as plain

Properties = dict[str, Any]

_SHORTEST_SECRET = 4


class MachineError(Exception):
    """What a person is told when something on this machine could not be done; may span lines, the last a hint."""


def has_unknown(value: Any) -> bool:
    """Tell whether any part of a value is not known before the deployment."""
    return any(is_unknown(leaf) for leaf in _leaves(value))


def has_secret(value: Any) -> bool:
    """Tell whether any part of a value is marked secret."""
    if isinstance(value, Mapping):
        return is_secret(value) or any(has_secret(item) for item in value.values())
    return isinstance(value, list) and any(has_secret(item) for item in value)


def changed(names: Iterable[str], old: Properties, new: Properties) -> list[str]:
    """Return which of these properties have another value than before; an unknown one may have."""
    return [name for name in names if plain(old.get(name)) != plain(new.get(name))]


def newly_secret(names: Iterable[str], old: Properties, new: Properties) -> list[str]:
    """Return which properties kept their value and became secret, or no longer are: the state must follow."""
    return [
        name
        for name in names
        if plain(old.get(name)) == plain(new.get(name)) and has_secret(old.get(name)) != has_secret(new.get(name))
    ]


def redact(text: str, value: Any) -> str:
    """Blot the secrets of a value out of a text, each whole, by line, and by what follows a line's first `=`."""
    found = {piece for secret in _secrets(value) for piece in _pieces(secret) if len(piece) >= _SHORTEST_SECRET}
    for piece in sorted(found, key=len, reverse=True):
        text = text.replace(piece, "[secret]")
    return text


def _secrets(value: Any) -> Iterator[str]:
    if is_secret(value):
        yield from (str(leaf) for leaf in _leaves(value.get("value")))
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _secrets(item)
    elif isinstance(value, list):
        for item in value:
            yield from _secrets(item)


def _pieces(secret: str) -> Iterator[str]:
    yield secret
    for line in secret.splitlines():
        yield line.strip()
        yield line.partition("=")[2].strip()


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, Mapping):
        for item in value.values():
            yield from _leaves(item)
    elif isinstance(value, list):
        for item in value:
            yield from _leaves(item)
    else:
        yield value
