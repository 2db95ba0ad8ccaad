"""The adapters of all servers that speak OpenAI's API: a row of ``variants`` is the whole difference between two of them."""

from __future__ import annotations

from app.inference.adapter import Adapter, Surroundings, base_url, credential, model
from app.inference.openai_compatible import OpenAICompatible
from app.inference.own import OwnBackend
from app.inference.variants import Images, Variant
from app.logic.answer import Backend
from app.logic.routes import BackendSpec
from app.logic.selection import Ability


def adapter(name: str, variant: Variant, *, own: Variant) -> Adapter:
    """The row for ``variant``, whose name is ``name``; ``own`` is what the app's own server of that name takes."""
    ability = Ability(continuation=variant.continuation, images=variant.images is not Images.REFUSE)

    def build(backend: str, spec: BackendSpec, around: Surroundings) -> Backend:
        if backend in around.engines:
            return _own(backend, spec, around, own)
        key = credential(backend, spec, around.environment, default=variant.key_env)
        return OpenAICompatible(
            name=backend,
            base_url=base_url(backend, spec, default=variant.base_url),
            model=model(backend, spec),
            http=around.http,
            key=lambda: key,
            variant=variant,
            images=around.images,
        )

    return Adapter(
        build=build,
        provider=variant.provider or name,
        ability=lambda spec: ability,
        base_url=variant.base_url,
        price_key=variant.base_url,
    )


def _own(name: str, spec: BackendSpec, around: Surroundings, variant: Variant) -> Backend:
    engine = around.engines[name]
    return OwnBackend(
        name=name, model=spec.model, engine=engine, http=around.http, variant=variant, images=around.images
    )
