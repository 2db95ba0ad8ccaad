"""What a deploy must know of a routes file that a person wrote. The app checks the file in full."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

# A key in the place of its variable's name would be shown: the app refuses the same, in app/logic/routes.py.
_VARIABLE = re.compile(
    r"(?!(?:[a-z]{2,6}\d?_|AKIA|ASIA|AIza|ABSK)[A-Za-z0-9]{12}|.*[A-Za-z0-9]{25})[A-Za-z_][A-Za-z0-9_]*", re.S
)


class KeyGiven(Exception):
    """A backend, by its name, whose `key_env` is no variable's name. What it is instead may be a key, and is not told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutesFile:
    """`document` is the file as it was read; `prompts` are the models and what is put in front of their conversations.

    `key_names` are the environment variables that hold the backends' keys; `default_model` is "" where there is none.
    """

    document: Mapping[str, Any]
    prompts: Mapping[str, str]
    default_model: str
    adapters: frozenset[str]
    key_names: tuple[str, ...]


def read(document: Any) -> RoutesFile:
    """A parsed routes file. Raises KeyError, TypeError or AttributeError for one that is none, and KeyGiven."""
    for name, backend in document["backends"].items():
        variable = backend.get("key_env")
        if variable and not (isinstance(variable, str) and _VARIABLE.fullmatch(variable)):
            raise KeyGiven(name)
    backends = list(document["backends"].values())
    return RoutesFile(
        document=document,
        prompts={name: str((model or {}).get("system_prompt") or "") for name, model in document["models"].items()},
        default_model=document.get("default_model") or "",
        adapters=frozenset(backend["adapter"] for backend in backends),
        key_names=tuple(sorted({backend["key_env"] for backend in backends if "key_env" in backend})),
    )


def with_default(file: RoutesFile, model: str, system_prompt: str) -> dict[str, Any]:
    """The document with another default model and that model's prompt."""
    models = file.document["models"]
    changed = {**(models[model] or {}), "system_prompt": system_prompt}
    return {**file.document, "models": {**models, model: changed}, "default_model": model}
