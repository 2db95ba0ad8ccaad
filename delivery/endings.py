"""When the models end that this clone's stacks and routes lead to: for `doctor`, and for `serve` before it starts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

from catalog.retirements.routes import Ending, endings, told
from delivery.stack_file import DIRECTORY, NAMESPACE, full_key
from stacks.targets import named_in

_YEAR = 366
_EXAMPLE = ".example"
# Who answers for the model of a stack's own settings, by the target: elsewhere it is one that the stack runs itself.
_MANAGED_BY = {"aws-bedrock": "bedrock"}
# Who answers for a fallback that does not say it (stacks/aws/config.py).
_USUAL = "bedrock"


def of_text(text: str, today: date) -> list[str]:
    """A line for each model of these routes that ends soon, and for each name that moves; none for what is no routes file."""
    return told(_backends(_read(text)), today)


def of_clone(root: Path, today: date) -> Iterator[tuple[str, Ending]]:
    """What ends within a year, by the stack or the routes file that leads there; examples are nobody's."""
    for file in sorted((root / DIRECTORY).glob("Pulumi.*.yaml")):
        stack = file.stem.removeprefix("Pulumi.")
        if not stack.endswith(_EXAMPLE):
            yield from ((stack, each) for each in _of_stack(root, stack, file, today))


def _of_stack(root: Path, stack: str, file: Path, today: date) -> Iterator[Ending]:
    document = _read(file.read_text(encoding="utf-8"))
    given = document.get("config") if isinstance(document, Mapping) else None
    config = {full_key(str(key)): value for key, value in given.items()} if isinstance(given, Mapping) else {}
    said = {key: config.get(f"{NAMESPACE}:{key}") for key in ("settings", "candidate", "fallbacks")}
    backends = {**_own(said, _managed_by(stack, config)), **_fallbacks(said["fallbacks"])}
    yield from endings(backends, today, within_days=_YEAR)
    routes = config.get(f"{NAMESPACE}:routes")
    if isinstance(routes, str) and (root / routes).is_file():
        text = (root / routes).read_text(encoding="utf-8")
        yield from endings(_backends(_read(text)), today, within_days=_YEAR)


def _managed_by(stack: str, config: Mapping[str, Any]) -> str:
    return _MANAGED_BY.get(str(config.get(f"{NAMESPACE}:target", named_in(stack)[0])), "")


def _own(said: Mapping[str, Any], adapter: str) -> dict[str, Any]:
    """The models that answer first, as backends named by their keys; none where the stack runs its model itself."""
    candidate = _map(said["candidate"])
    models = {
        "settings.model": _map(said["settings"]).get("model"),
        "candidate.settings.model": _map(candidate.get("settings")).get("model"),
    }
    return {key: {"adapter": adapter, "model": model} for key, model in models.items() if adapter and model}


def _fallbacks(given: Any) -> dict[str, Any]:
    """A config's fallbacks as backends, named as the stack names them."""
    listed = given if isinstance(given, list) else []
    entries = [(each.get("provider", _USUAL), each) for each in listed if isinstance(each, Mapping)]
    return {
        f"{provider}-{index}": {"adapter": provider, "model": each.get("model")}
        for index, (provider, each) in enumerate(entries, start=1)
    }


def _map(given: Any) -> Mapping[str, Any]:
    return given if isinstance(given, Mapping) else {}


def _backends(document: Any) -> Mapping[str, Any]:
    backends = document.get("backends") if isinstance(document, Mapping) else None
    return backends if isinstance(backends, Mapping) else {}


def _read(text: str) -> Any:
    """What a YAML text says; None where it is none, which whoever uses it tells better."""
    import yaml

    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        return None
