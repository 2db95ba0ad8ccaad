"""`GET /v1/routes`: which models there are, which backends answer for them, and how those are right now. Never a key or an address."""

from __future__ import annotations

import time
from typing import Any

from starlette.types import Receive, Scope, Send

from app.api.exchange import Exchange
from app.logic.backend_state import BackendState
from app.logic.router import Router, Target


class RoutesView:
    def __init__(self, router: Router) -> None:
        self._router = router

    async def show(self, scope: Scope, receive: Receive, send: Send) -> None:
        models = {name: await self._model(name, target) for name, target in self._router.targets.items()}
        await Exchange(scope, receive, send).json(
            {"default_model": self._router.routes.default_model or None, "models": models}
        )

    async def _model(self, name: str, target: Target) -> dict[str, Any]:
        route = target.route
        uses = zip(route.backends, target.states, strict=True)
        return {
            "strategy": route.strategy,
            "sticky": route.sticky,
            "rescue": route.rescue,
            "when_down": list(route.when_down),
            "queued": self._router.queue.depth(name),
            "backends": [await self._backend(state, use.weight) for use, state in uses],
        }

    async def _backend(self, state: BackendState, weight: int) -> dict[str, Any]:
        now = time.monotonic()
        circuit = state.breaker.circuit
        backend = state.member.backend
        return {
            "name": backend.name,
            "adapter": self._router.routes.backends[backend.name].adapter,
            "model": backend.model,
            "weight": weight,
            "running": state.running,
            "max_running": state.member.max_running,
            "ready": await backend.ready(),
            "circuit": state.circuit_state(now).name.lower(),
            "asked_again_in_s": round(max(0.0, circuit.open_until - now, circuit.busy_until - now), 1),
            "first_content_s": None if state.latency_s is None else round(state.latency_s, 3),
            "continuation": state.member.ability.continuation,
        }
