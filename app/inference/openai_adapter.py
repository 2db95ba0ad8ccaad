"""The adapters of all servers that speak OpenAI's API: a row of ``variants`` is the whole difference between two of them."""

from __future__ import annotations

import re
from collections.abc import Callable

from app.inference.adapter import Adapter, Surroundings, base_url, credential, model
from app.inference.identity import kinds
from app.inference.identity.identity import Bearer, Identity, KeyIn
from app.inference.openai_compatible import OpenAICompatible
from app.inference.own import OwnBackend
from app.inference.variants import Images, Variant
from app.logic.answer import Backend
from app.logic.routes import BackendSpec, RoutesError
from app.logic.selection import Ability

_READS = frozenset({"base_url", "key_env"})
# A signature is over a path without empty segments (docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html, and
# botocore's normalize_url_path; checked 2026-12-01), so that one is sent, too.
_SLASHES = re.compile(r"(?<!:)/{2,}")

Address = Callable[[str, BackendSpec], str]


def adapter(name: str, variant: Variant, *, own: Variant | None = None, address: Address | None = None) -> Adapter:
    """The row for ``variant``, whose name is ``name``; ``own`` is what the app's own server of that name takes.

    ``address`` is where requests go, from a backend's name and its entry, where that is not simply its `base_url`.
    """
    ability = Ability(continuation=variant.continuation, images=variant.images is not Images.REFUSE)

    def build(backend: str, spec: BackendSpec, around: Surroundings) -> Backend:
        if backend in around.engines:
            return _own(backend, spec, around, own or variant)
        where = address(backend, spec) if address else base_url(backend, spec, default=variant.base_url)
        if spec.auth is not None and spec.auth.kind == "aws_sigv4":
            where = _SLASHES.sub("/", where)
        return OpenAICompatible(
            name=backend,
            base_url=where,
            model=model(backend, spec),
            http=around.http,
            identity=identity(backend, spec, around, variant),
            variant=variant,
            images=around.images,
        )

    return Adapter(
        build=build,
        provider=variant.provider or name,
        ability=lambda spec: ability,
        base_url=variant.base_url,
        price_key=variant.price_key or variant.base_url,
        reads=_READS | {"auth", "region"} if variant.takes_identity else _READS,
    )


def identity(name: str, spec: BackendSpec, around: Surroundings, variant: Variant) -> Identity:
    """Who the app is towards the backend. Raises RoutesError."""
    if spec.region and not (spec.auth and spec.auth.kind == "aws_sigv4"):
        raise RoutesError(f"backend '{name}': 'region' is read with auth of kind aws_sigv4 only: leave it out")
    if spec.auth is not None and variant.scope and spec.auth.kind != "entra":
        raise RoutesError(
            f"backend '{name}': auth of kind {spec.auth.kind} opens nothing at {spec.adapter}: it takes kind: entra, or a key"
        )
    if spec.auth is not None:
        return kinds.of(name, spec, around, key=credential(name, spec, around.environment), scope=variant.scope)
    key = credential(name, spec, around.environment, default=variant.key_env)
    return KeyIn(variant.key_header, key) if variant.key_header and key else Bearer(lambda: key)


def _own(name: str, spec: BackendSpec, around: Surroundings, variant: Variant) -> Backend:
    engine = around.engines[name]
    return OwnBackend(
        name=name, model=spec.model, engine=engine, http=around.http, variant=variant, images=around.images
    )
