"""The one list of adapters: what `adapter:` in a routes file may say. An adapter is one file and its row here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from app.inference import anthropic, azure, bedrock, embedded, openai_adapter, vertex
from app.inference.adapter import Adapter, Surroundings
from app.inference.families import thinks
from app.inference.listed_prices import is_seller, listed
from app.inference.variants import OWN, VARIANTS
from app.logic.backend_state import Member
from app.logic.price import FREE, Rates, rates
from app.logic.routes import BackendSpec, Routes, RoutesError, nearest
from app.logic.selection import Ability

ADAPTERS: dict[str, Adapter] = {
    "embedded": embedded.ADAPTER,
    "anthropic": anthropic.ADAPTER,
    **azure.ADAPTERS,
    "bedrock": bedrock.ADAPTER,
    "vertex": vertex.ADAPTER,
    **{name: openai_adapter.adapter(name, variant, own=OWN.get(name, variant)) for name, variant in VARIANTS.items()},
}
_OWN_READS = frozenset({"revision"})  # a server that the app starts has no other address, and a key of its own
_SPECIAL = (
    "base_url",
    "key_env",
    "auth",
    "revision",
    "region",
    "project",
    "location",
    "residency",
    "endpoint",
    "profile",
    "guardrail",
)  # keys that not every backend has a use for


def build(routes: Routes, around: Surroundings) -> dict[str, Member]:
    """A backend for each entry of the routes file, with what is known of it. Raises RoutesError."""
    return {name: _member(name, spec, around) for name, spec in routes.backends.items()}


def _member(name: str, spec: BackendSpec, around: Surroundings) -> Member:
    adapter = ADAPTERS.get(spec.adapter)
    if adapter is None:
        raise RoutesError(f"backend '{name}': adapter '{spec.adapter}' is not known.{nearest(spec.adapter, ADAPTERS)}")
    _refuse_unread(name, spec, _OWN_READS if name in around.engines else adapter.reads)
    own = name if adapter is embedded.ADAPTER else spec.base_url  # each embedded backend has an engine of its own
    return Member(
        backend=adapter.build(name, spec, around),
        rates=price(spec),
        circuit_key="|".join((spec.adapter, own, spec.model, spec.key_env, *_entered_at(spec))),
        ability=ability(spec),
        max_running=spec.max_running,
        scale_to_zero=spec.scale_to_zero,
    )


def _entered_at(spec: BackendSpec) -> tuple[str, ...]:
    """Where a cloud answers and how it is entered, as far as that is not in an address: a model that is down in one place may be up in another."""
    by, guardrail = spec.auth, spec.guardrail
    return (
        spec.region,
        spec.project,
        spec.location,
        spec.endpoint,
        spec.profile,
        by.model_dump_json() if by else "",
        guardrail.model_dump_json() if guardrail else "",
    )


def _refuse_unread(name: str, spec: BackendSpec, reads: frozenset[str]) -> None:
    """A key that is read and then ignored would be believed."""
    for key in _SPECIAL:
        if getattr(spec, key) and key not in reads:
            raise RoutesError(f"backend '{name}': adapter {spec.adapter} has no use for '{key}' here: leave it out")


def ability(spec: BackendSpec) -> Ability:
    """What the backend's model can do: as the routes file says, else as is known of the adapter and the model."""
    known, said = ADAPTERS[spec.adapter].ability(spec), spec.capabilities
    return replace(
        known,
        continuation=said.continuation or known.continuation,
        context=said.context or known.context,
        thinks=known.thinks or thinks(spec.model),
    )


def price(spec: BackendSpec) -> Rates | None:
    """The routes file's own price, else the one that genai-prices knows for the model, else None: unknown is not zero.

    At an address where nobody is known to sell, such as a private endpoint, the adapter's own provider does.
    """
    if (own := spec.price) is not None:
        return rates(
            own.input_usd_per_mtok,
            own.output_usd_per_mtok,
            own.cache_read_usd_per_mtok,
            own.cache_write_usd_per_mtok,
            own.cache_write_1h_usd_per_mtok,
        )
    adapter = ADAPTERS[spec.adapter]
    if adapter.is_free:
        return FREE
    is_sold_there = spec.base_url and (not adapter.price_key or is_seller(spec.base_url))
    return listed(adapter.sold_as(spec), spec.base_url if is_sold_there else adapter.price_key)


def providers(routes: Routes) -> Mapping[str, str]:
    """The provider's name in telemetry, of each backend."""
    return {name: ADAPTERS[spec.adapter].provider for name, spec in routes.backends.items()}
