"""Whether an app is led to a model that ends within days, whatever cloud leads it there: by the routes in its environment, or by a resource."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from catalog.retirements.dates import found
from catalog.retirements.routes import endings
from plan.inputs import NotKnown
from plan.tokens import is_unknown
from policies.check import Scene

ROUTES = "TRIMARAN_ROUTES_YAML"
# What a promotion takes and a person needs to choose another model and to compare the two.
LAST_DAYS = 14


def ending(variables: Mapping[str, str], where: str, scene: Scene) -> Iterator[str]:
    """A sentence for each backend whose model ends in less than two weeks, or has ended. Raises NotKnown."""
    if (text := variables.get(ROUTES)) is None:
        return
    if is_unknown(text):
        raise NotKnown(f"{ROUTES} in {where} is not known before the first `up`")
    for each in endings(_backends(text, where), scene.context.today, within_days=LAST_DAYS):
        yield f"{where}: {each.sentence(scene.context.today)}."


def ending_of(platform: str, model: str, where: str, scene: Scene) -> Iterator[str]:
    """A sentence where ``model``, which the resource's input ``where`` names, ends in less than two weeks, or has ended."""
    today = scene.context.today
    known = found(platform, model)
    if known is not None and known.announced and known.days_left(today) < LAST_DAYS:
        yield f"{where}: {known.sentence(today)}."


def _backends(text: str, where: str) -> Mapping[str, Any]:
    import yaml

    try:
        routes = yaml.safe_load(text)
    except yaml.YAMLError:
        raise NotKnown(f"{ROUTES} in {where} is no YAML") from None
    backends = routes.get("backends") if isinstance(routes, Mapping) else None
    return backends if isinstance(backends, Mapping) else {}
