"""The embedded model: llama.cpp, which the app starts itself, with weights out of an installed package."""

from __future__ import annotations

from app.inference import forced_calls
from app.inference.adapter import Adapter, Surroundings
from app.inference.forced_answer import ForcedAnswer
from app.inference.own import OwnBackend
from app.inference.variants import EMBEDDED as VARIANT
from app.logic.answer import Answer, Backend, Call, Endpoint, Failure
from app.logic.routes import BackendSpec, RoutesError, nearest
from app.logic.selection import Ability
from catalog.models import EMBEDDED


class Embedded(OwnBackend):
    """One embedded engine. Its model calls functions where it is forced to."""

    __slots__ = ()

    async def open(self, call: Call, deadline: float) -> Answer:
        if call.endpoint is not Endpoint.CHAT:
            return await super().open(call, deadline)
        asked, names = forced_calls.asked(call, self.name)
        try:
            answer = await super().open(asked, deadline)
        except Failure as failure:
            if not names:
                raise
            raise forced_calls.refusal(failure, names, self.name) from failure
        return ForcedAnswer(answer, asked, names) if names else answer


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
    return Embedded(name=name, model=spec.model, engine=around.engines[name], http=around.http, variant=VARIANT)


def _ability(spec: BackendSpec) -> Ability:
    context = EMBEDDED[spec.model].context_tokens
    # Without tools as far as the order goes: who calls unforced comes first.
    return Ability(continuation=VARIANT.continuation, context=context, tools=False, images=False)


ADAPTER = Adapter(build=_build, provider="embedded", ability=_ability, is_free=True, reads=frozenset({"revision"}))
