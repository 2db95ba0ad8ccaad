"""When the models end that this clone's stacks and routes lead to: for `doctor`, and for `serve` before it starts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

from catalog.retirements.routes import Ending, endings, told
from delivery.stack_file import DIRECTORY, NAMESPACE, full_key

_YEAR = 366
_EXAMPLE = ".example"


def of_text(text: str, today: date) -> list[str]:
    """A line for each model of these routes that ends soon, and for each name that moves; none for what is no routes file."""
    return told(_backends(_read(text)), today)


def of_clone(root: Path, today: date) -> Iterator[tuple[str, Ending]]:
    """What ends within a year, by the stack or the routes file that leads there; examples are nobody's."""
    for file in sorted((root / DIRECTORY).glob("Pulumi.*.yaml")):
        stack = file.stem.removeprefix("Pulumi.")
        if not stack.endswith(_EXAMPLE):
            yield from ((stack, each) for each in _of_stack(root, file, today))


def _of_stack(root: Path, file: Path, today: date) -> Iterator[Ending]:
    document = _read(file.read_text(encoding="utf-8"))
    given = document.get("config") if isinstance(document, Mapping) else None
    config = {full_key(str(key)): value for key, value in given.items()} if isinstance(given, Mapping) else {}
    yield from endings(_fallbacks(config.get(f"{NAMESPACE}:fallbacks")), today, within_days=_YEAR)
    routes = config.get(f"{NAMESPACE}:routes")
    if isinstance(routes, str) and (root / routes).is_file():
        text = (root / routes).read_text(encoding="utf-8")
        yield from endings(_backends(_read(text)), today, within_days=_YEAR)


def _fallbacks(given: Any) -> dict[str, Any]:
    """A config's fallbacks as backends, named as the stack names them."""
    listed = given if isinstance(given, list) else []
    entries = [each for each in listed if isinstance(each, Mapping)]
    return {
        f"{each.get('provider')}-{index}": {"adapter": each.get("provider"), "model": each.get("model")}
        for index, each in enumerate(entries, start=1)
    }


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
