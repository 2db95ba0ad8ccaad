"""The one list of adapters: what `adapter:` in a routes file may say. An adapter is one file and one line here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from urllib.parse import urlsplit

import aiohttp

from app.inference import anthropic, variants
from app.inference.images import ImageFetcher
from app.inference.openai_compatible import OpenAICompatible
from app.inference.own import OwnBackend, OwnServer
from app.inference.variants import VARIANTS, Images
from app.logic.answer import Backend
from app.logic.backend_state import Member
from app.logic.price import FREE, Rates, rates
from app.logic.routes import BackendSpec, Routes, RoutesError, nearest
from app.logic.selection import Ability
from catalog.models import EMBEDDED


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What an adapter may use. ``engines``: the app's own, by backend; ``environment``: where credentials stand, by the names that `key_env` gives."""

    http: aiohttp.ClientSession
    engines: Mapping[str, OwnServer]
    environment: Mapping[str, str]
    images: ImageFetcher = field(default_factory=ImageFetcher)


def _openai_compatible(name: str, spec: BackendSpec, around: Surroundings) -> Backend:
    variant = VARIANTS[spec.adapter]
    if name in around.engines:
        engine = around.engines[name]
        return OwnBackend(
            name=name, model=spec.model, engine=engine, http=around.http, variant=variant, images=around.images
        )
    key = credential(name, spec, around.environment, default=variant.key_env)
    headers = bearer(key) if key else {}
    return OpenAICompatible(
        name=name,
        base_url=base_url(name, spec, default=variant.base_url),
        model=model(name, spec),
        http=around.http,
        headers=lambda: headers,
        variant=variant,
        images=around.images,
    )


def _anthropic(name: str, spec: BackendSpec, around: Surroundings) -> Backend:
    headers = {"x-api-key": credential(name, spec, around.environment, default=anthropic.KEY_ENV)}
    return anthropic.Anthropic(
        name=name,
        base_url=base_url(name, spec, default=anthropic.BASE_URL).removesuffix("/v1"),
        model=model(name, spec),
        http=around.http,
        headers=lambda: headers,
    )


def _embedded(name: str, spec: BackendSpec, around: Surroundings) -> Backend:
    if spec.model not in EMBEDDED:
        raise RoutesError(
            f"backend '{name}': no embedded model is called '{spec.model}'.{nearest(spec.model, EMBEDDED)}"
        )
    pinned = EMBEDDED[spec.model].revision
    if spec.revision not in ("", pinned):
        raise RoutesError(f"backend '{name}': model '{spec.model}' is there in revision {pinned}, not {spec.revision}")
    if name not in around.engines:
        raise RoutesError(f"backend '{name}' is embedded, but TRIMARAN_ENGINE tells this app to run no embedded engine")
    engine = around.engines[name]
    return OwnBackend(name=name, model=spec.model, engine=engine, http=around.http, variant=variants.EMBEDDED)


ADAPTERS: dict[str, Callable[[str, BackendSpec, Surroundings], Backend]] = {
    "embedded": _embedded,
    "anthropic": _anthropic,
    **dict.fromkeys(VARIANTS, _openai_compatible),
}


def build(routes: Routes, around: Surroundings) -> dict[str, Member]:
    """A backend for each entry of the routes file, with what is known of it. Raises RoutesError."""
    return {name: _member(name, spec, around) for name, spec in routes.backends.items()}


def _member(name: str, spec: BackendSpec, around: Surroundings) -> Member:
    adapter = ADAPTERS.get(spec.adapter)
    if adapter is None:
        raise RoutesError(f"backend '{name}': adapter '{spec.adapter}' is not known.{nearest(spec.adapter, ADAPTERS)}")
    own = name if spec.adapter == "embedded" else spec.base_url  # each embedded backend has an engine of its own
    return Member(
        backend=adapter(name, spec, around),
        rates=price(spec),
        circuit_key="|".join((spec.adapter, own, spec.model, spec.key_env)),
        ability=ability(spec),
        max_running=spec.max_running,
        scale_to_zero=spec.scale_to_zero,
    )


def ability(spec: BackendSpec) -> Ability:
    """What the backend's model can do: as the routes file says, else as is known of the adapter and the model."""
    variant = variants.EMBEDDED if spec.adapter == "embedded" else VARIANTS.get(spec.adapter)
    context = EMBEDDED[spec.model].context_tokens if spec.adapter == "embedded" else None
    continuation = variant.continuation if variant else anthropic.continuation(spec.model)
    return Ability(
        continuation=spec.capabilities.continuation or continuation,
        context=spec.capabilities.context or context,
        tools=variant is None or variant.tools,
        images=variant is None or variant.images is not Images.REFUSE,
    )


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

    address = spec.base_url or _default_url(spec.adapter)
    if not address:
        return None  # a model's name alone says nothing of who sells it

    def usd_per_mtok(**tokens: int) -> Decimal:
        return calc_price(Usage(**tokens), model_ref=spec.model, provider_api_url=address).total_price * 1000

    few = 1000  # a million at once would be priced as a long prompt, at up to twice the rate
    try:
        return rates(
            usd_per_mtok(input_tokens=few),
            usd_per_mtok(output_tokens=few),
            usd_per_mtok(input_tokens=few, cache_read_tokens=few),
            usd_per_mtok(input_tokens=few, cache_write_tokens=few),
        )
    except LookupError:
        return None


def _default_url(adapter: str) -> str:
    return anthropic.BASE_URL if adapter == "anthropic" else VARIANTS[adapter].base_url if adapter in VARIANTS else ""


def credential(name: str, spec: BackendSpec, environment: Mapping[str, str], *, default: str = "") -> str:
    """The key in the variable that `key_env` or else ``default`` names; empty when neither names one. Raises RoutesError when it is not there."""
    variable = spec.key_env or default
    if not variable:
        return ""
    key = environment.get(variable, "").strip()
    if not key:
        raise RoutesError(f"backend '{name}': its key is missing: set the environment variable {variable}")
    if not (key.isascii() and key.isprintable()):
        raise RoutesError(f"backend '{name}': the key in {variable} has characters that no header can carry")
    return key


def base_url(name: str, spec: BackendSpec, *, default: str = "") -> str:
    """The address that the routes file or else ``default`` gives, without a slash at its end. Raises RoutesError."""
    given = spec.base_url or default
    if not given:
        raise RoutesError(f"backend '{name}': adapter {spec.adapter} needs base_url, such as http://127.0.0.1:8001/v1")
    parts = urlsplit(given)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise RoutesError(f"backend '{name}': base_url must be like https://host/v1")
    if parts.username or parts.password:
        raise RoutesError(
            f"backend '{name}': base_url holds a credential: put it in a variable and name that in key_env"
        )
    return given.rstrip("/")


def model(name: str, spec: BackendSpec) -> str:
    """The provider's name for the model. Raises RoutesError when the routes file gives none."""
    if not spec.model:
        raise RoutesError(f"backend '{name}': model is missing: the name that the provider has for it")
    return spec.model


def bearer(key: str) -> Mapping[str, str]:
    return {"authorization": f"Bearer {key}"}
