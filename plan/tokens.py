"""The engine's stand-ins for what it cannot or may not show: values that are not known yet, secrets and their wrappers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# Fixed by the engine's wire format. It has one stand-in for each type of unknown value; `plain` makes all of them this one.
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
_UNKNOWNS = frozenset(
    {
        UNKNOWN,
        "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",
        "3eeb2bf0-c639-47a8-9e75-3b44932eb421",
        "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",
        "030794c1-ac77-496b-92df-f27374a8bd58",
        "e48ece36-62e2-4504-bad9-02848725956a",
        "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",
    }
)
# What a preview prints in place of a secret.
HIDDEN = "[secret]"
SIGNATURE = "4dabf18193072939515e22adb298388d"
SECRET = "1b47061264138c4ac30d75fd1eb44270"


def is_unknown(value: object) -> bool:
    """Whether this value is only known once something else has been made."""
    return isinstance(value, str) and value in _UNKNOWNS


def is_secret(value: object) -> bool:
    """Whether this value is wrapped as a secret."""
    return isinstance(value, Mapping) and value.get(SIGNATURE) == SECRET


def opened(value: Any) -> Any:
    """The value without the wrapper of a secret."""
    while is_secret(value):
        value = value.get("value")
    return value


def plain(value: Any) -> Any:
    """The value with every secret taken out of its wrapper; what is not known is `UNKNOWN` whatever its type."""
    value = opened(value)
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return UNKNOWN if is_unknown(value) else value
