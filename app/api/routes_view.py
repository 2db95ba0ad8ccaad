"""`GET /v1/routes`: which models there are, which backends answer for them, and how those are right now. Never a key or an address."""

from __future__ import annotations

import time
from typing import Any

from starlette.types import Receive, Scope, Send

from app.api.exchange import Exchange
from app.logic.router import Router, Target
from app.logic.standing import Standing


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
        uses = zip(route.backends, target.standings, strict=True)
        return {
            "strategy": route.strategy,
            "sticky": route.sticky,
            "rescue": route.rescue,
            "when_down": list(route.when_down),
            "queued": self._router.queue.depth(name),
            "backends": [await self._backend(standing, use.weight) for use, standing in uses],
        }

    async def _backend(self, standing: Standing, weight: int) -> dict[str, Any]:
        now = time.monotonic()
        circuit = standing.breaker.circuit
        backend = standing.member.backend
        return {
            "name": backend.name,
            "adapter": self._router.routes.backends[backend.name].adapter,
            "model": backend.model,
            "weight": weight,
            "running": standing.running,
            "max_running": standing.member.max_running,
            "ready": await backend.ready(),
            "circuit": standing.state(now).name.lower(),
            "asked_again_in_s": round(max(0.0, circuit.open_until - now, circuit.busy_until - now), 1),
            "first_content_s": None if standing.latency_s is None else round(standing.latency_s, 3),
            "continuation": standing.member.ability.continuation,
        }
