"""The embedded model: llama.cpp, which the app starts itself, with weights out of an installed package."""

from __future__ import annotations

from app.inference.adapter import Adapter, Surroundings
from app.inference.own import OwnBackend
from app.inference.variants import EMBEDDED as VARIANT
from app.logic.answer import Backend
from app.logic.routes import BackendSpec, RoutesError, nearest
from app.logic.selection import Ability
from catalog.models import EMBEDDED


def _build(name: str, spec: BackendSpec, around: Surroundings) -> Backend:
    if spec.model not in EMBEDDED:
        raise RoutesError(
            f"backend '{name}': no embedded model is called '{spec.model}'.{nearest(spec.model, EMBEDDED)}"
        )
    pinned = EMBEDDED[spec.model].revision
    if spec.revision not in ("", pinned):
        raise RoutesError(f"backend '{name}': model '{spec.model}' is there in revision {pinned}, not {spec.revision}")
    if name not in around.engines:
        raise RoutesError(f"backend '{name}' is embedded, but TRIMARAN_ENGINE tells this app to run no embedded engine")
    return OwnBackend(name=name, model=spec.model, engine=around.engines[name], http=around.http, variant=VARIANT)


def _ability(spec: BackendSpec) -> Ability:
    context = EMBEDDED[spec.model].context_tokens
    return Ability(continuation=VARIANT.continuation, context=context, tools=VARIANT.tools, images=False)


ADAPTER = Adapter(build=_build, provider="embedded", ability=_ability, is_free=True, reads=frozenset({"revision"}))
