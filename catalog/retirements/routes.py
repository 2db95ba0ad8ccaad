"""Which backends of a routes file lead to a model that ends, or to a name that moves: sentences for whoever starts or deploys them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from catalog.retirements.dates import Retirement, found, moves, pin

SOON_DAYS = 90

# The platform on which an adapter's models end. Behind a gateway, or a server of one's own, nobody here knows.
PLATFORM_OF = {
    "openai": "openai",
    "azure_openai": "azure_openai",
    "foundry": "azure_openai",
    "anthropic": "anthropic",
    "bedrock": "bedrock",
    "vertex": "vertex",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """A backend whose model is announced to end."""

    backend: str
    retirement: Retirement

    def sentence(self, today: date) -> str:
        return f"backend '{self.backend}': {self.retirement.sentence(today)}"


def endings(backends: Mapping[str, Any], today: date, *, within_days: int = SOON_DAYS) -> Iterator[Ending]:
    """Those of ``backends``, as a routes file has them, whose model ends within so many days or has ended."""
    for name, platform, model in _models(backends):
        known = found(platform, model)
        if known is not None and known.announced and known.days_left(today) < within_days:
            yield Ending(backend=name, retirement=known)


def moving(backends: Mapping[str, Any]) -> Iterator[str]:
    """A sentence for each backend whose model's name is an alias."""
    for name, platform, model in _models(backends):
        if moves(platform, model):
            version = pin(platform, model)
            do = f"write {version}" if version else "write the name of a version"
            yield f"backend '{name}': {model} is an alias that its vendor moves from one version to the next: {do}"


def told(backends: Mapping[str, Any], today: date) -> list[str]:
    """One line for each thing that somebody should know when these backends start."""
    return [*(each.sentence(today) for each in endings(backends, today)), *moving(backends)]


def _models(backends: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Name, platform and model of each backend that says both; a malformed one is for the routes file's own reader to refuse."""
    for name, backend in backends.items():
        if not isinstance(backend, Mapping):
            continue
        platform, model = PLATFORM_OF.get(str(backend.get("adapter"))), backend.get("model")
        if platform and isinstance(model, str) and model:
            yield name, platform, model
