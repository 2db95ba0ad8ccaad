"""The one list of adapters: what `adapter:` in a routes file may say. An adapter is one file and one line here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal

import aiohttp

from app.inference.embedded import Embedded, Engine
from app.inference.openai_compatible import OpenAICompatible
from app.logic.answer import Backend
from app.logic.price import FREE, Rates, rates
from app.logic.routes import BackendSpec, Routes, RoutesError, nearest


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What an adapter may use. ``engines``: by model; ``environment``: where credentials stand, by the names that `key_env` gives."""

    http: aiohttp.ClientSession
    engines: Mapping[str, Engine]
    environment: Mapping[str, str]


def _openai_compatible(name: str, spec: BackendSpec, around: Surroundings) -> Backend:
    if not spec.base_url:
        raise RoutesError(
            f"backend '{name}': adapter openai_compatible needs base_url, such as http://127.0.0.1:8001/v1"
        )
    headers = bearer(credential(name, spec, around.environment)) if spec.key_env else {}
    return OpenAICompatible(
        name=name, base_url=spec.base_url.rstrip("/"), model=spec.model, http=around.http, headers=lambda: headers
    )


def _embedded(name: str, spec: BackendSpec, around: Surroundings) -> Backend:
    if spec.model not in around.engines:
        raise RoutesError(
            f"backend '{name}': no embedded model is called '{spec.model}'.{nearest(spec.model, around.engines)}"
        )
    return Embedded(name=name, model=spec.model, engine=around.engines[spec.model], http=around.http)


ADAPTERS: dict[str, Callable[[str, BackendSpec, Surroundings], Backend]] = {
    "openai_compatible": _openai_compatible,
    "embedded": _embedded,
}


def build(routes: Routes, around: Surroundings) -> dict[str, Backend]:
    """A backend for each entry of the routes file. Raises RoutesError."""
    built: dict[str, Backend] = {}
    for name, spec in routes.backends.items():
        adapter = ADAPTERS.get(spec.adapter)
        if adapter is None:
            raise RoutesError(
                f"backend '{name}': adapter '{spec.adapter}' is not known.{nearest(spec.adapter, ADAPTERS)}"
            )
        built[name] = adapter(name, spec, around)
    return built


def price(spec: BackendSpec) -> Rates | None:
    """The routes file's own price, else the one that genai-prices knows for the model, else None: unknown is not zero."""
    if spec.price is not None:
        return rates(spec.price.input_usd_per_mtok, spec.price.output_usd_per_mtok)
    if spec.adapter == "embedded":
        return FREE
    return _listed_price(spec)


def _listed_price(spec: BackendSpec) -> Rates | None:
    """From the prices that the package was released with; nothing is fetched."""
    from genai_prices import Usage, calc_price  # 0.1 s: only where a price is looked up

    def usd_per_mtok(**tokens: int) -> Decimal:
        return calc_price(Usage(**tokens), model_ref=spec.model, provider_api_url=spec.base_url or None).total_price

    million = 1_000_000
    try:
        return rates(
            usd_per_mtok(input_tokens=million),
            usd_per_mtok(output_tokens=million),
            usd_per_mtok(input_tokens=million, cache_read_tokens=million),
            usd_per_mtok(input_tokens=million, cache_write_tokens=million),
        )
    except LookupError:
        return None


def credential(name: str, spec: BackendSpec, environment: Mapping[str, str]) -> str:
    """The key in the variable that `key_env` names. Raises RoutesError when it is not there."""
    key = environment.get(spec.key_env, "")
    if not key:
        raise RoutesError(f"backend '{name}': its key is missing: set the environment variable {spec.key_env}")
    return key


def bearer(key: str) -> Mapping[str, str]:
    return {"authorization": f"Bearer {key}"}
