"""What Docker makes of the compose files: overlays laid over each other, variables put in, as the specification says it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).parents[2] / "containers"
BASE = "compose.yaml"
TLS = "compose.tls.yaml"
GPU = "compose.gpu.yaml"

_VARIABLE = re.compile(r"\$(?:\$|\{(?P<name>\w+)(?:(?P<how>:[-+?])(?P<text>[^}]*))?\})")


def read(environment: Mapping[str, str], *overlays: str) -> dict[str, Any]:
    """The topology for a shell with these variables. Raises ValueError where one is missing, with what the file says of it."""
    whole: dict[str, Any] = {}
    for name in (BASE, *overlays):
        whole = _merged(whole, yaml.safe_load((FOLDER / name).read_text()))
    filled: dict[str, Any] = _filled(whole, environment)
    for service in filled["services"].values():
        given = {name: environment.get(name) if value is None else value for name, value in _environment(service)}
        service["environment"] = {name: value for name, value in given.items() if value is not None}
    return filled


def _environment(service: Mapping[str, Any]) -> Any:
    return service.get("environment", {}).items()


def _merged(under: Any, over: Any) -> Any:
    if isinstance(under, dict) and isinstance(over, dict):
        both = under | over
        return {key: _merged(under[key], over[key]) if key in under and key in over else both[key] for key in both}
    if isinstance(under, list) and isinstance(over, list):
        return under + over
    return over


def _filled(value: Any, environment: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _filled(each, environment) for key, each in value.items()}
    if isinstance(value, list):
        return [_filled(each, environment) for each in value]
    return _VARIABLE.sub(lambda found: _value(found, environment), value) if isinstance(value, str) else value


def _value(found: re.Match[str], environment: Mapping[str, str]) -> str:
    if found[0] == "$$":
        return "$"
    value, text = environment.get(found["name"], ""), found["text"]
    if found["how"] == ":?" and not value:
        raise ValueError(f"{found['name']}: {text}")
    return {":-": value or text, ":+": text if value else "", ":?": value, None: value}[found["how"]]
