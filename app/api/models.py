"""`GET /v1/models` and `GET /v1/models/{id}`: the public models, in OpenAI's form."""

from __future__ import annotations

import time
from typing import Any

from starlette.types import Receive, Scope, Send

from app.api.errors import Fault
from app.api.exchange import Exchange
from app.logic.excerpt import excerpt
from app.logic.router import Router
from app.logic.routes import nearest


class Models:
    def __init__(self, router: Router) -> None:
        self._router = router
        self._since = int(time.time())

    async def list(self, scope: Scope, receive: Receive, send: Send) -> None:
        await Exchange(scope, receive, send).json(
            {"object": "list", "data": [self._object(name) for name in self._router.targets]}
        )

    async def one(self, scope: Scope, receive: Receive, send: Send) -> None:
        exchange = Exchange(scope, receive, send)
        asked = scope["path_params"]["model"]
        if asked in self._router.targets:
            await exchange.json(self._object(asked))
            return
        known = nearest(asked, self._router.targets)
        await exchange.refuse(
            Fault(404, f"model '{excerpt(asked)}' is not known.{known}", param="model", code="model_not_found")
        )

    def _object(self, name: str) -> dict[str, Any]:
        return {"id": name, "object": "model", "created": self._since, "owned_by": "trimaran"}
