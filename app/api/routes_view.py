"""`GET /v1/routes`: which models there are, which backends answer for them, and how those are right now. Never a key or an address."""

from __future__ import annotations

from collections import Counter
from typing import Any

from starlette.types import Receive, Scope, Send

from app.api.exchange import Exchange
from app.api.lifecycle import Lifecycle
from app.logic.answer import Backend
from app.logic.router import Router, Target


class RoutesView:
    def __init__(self, router: Router, lifecycle: Lifecycle) -> None:
        self._router = router
        self._lifecycle = lifecycle

    async def show(self, scope: Scope, receive: Receive, send: Send) -> None:
        running = self._running()
        models = {name: await self._model(target, running) for name, target in self._router.targets.items()}
        await Exchange(scope, receive, send).json(
            {"default_model": self._router.routes.default_model or None, "models": models}
        )

    def _running(self) -> Counter[str]:
        """Answers under way, by the backend that was asked last."""
        records = [answer.record for answer in self._lifecycle.running]
        return Counter(record.attempts[-1].backend for record in records if record.attempts)

    async def _model(self, target: Target, running: Counter[str]) -> dict[str, Any]:
        route = target.route
        uses = zip(route.backends, target.backends, strict=True)
        return {
            "strategy": route.strategy,
            "sticky": route.sticky,
            "backends": [await self._backend(backend, use.weight, running) for use, backend in uses],
        }

    async def _backend(self, backend: Backend, weight: int, running: Counter[str]) -> dict[str, Any]:
        return {
            "name": backend.name,
            "adapter": self._router.routes.backends[backend.name].adapter,
            "model": backend.model,
            "weight": weight,
            "running": running[backend.name],
            "ready": await backend.ready(),
        }
