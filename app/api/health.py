"""Health that means something: the process answers, the model is loaded, a token was really generated."""

from __future__ import annotations

import asyncio
import time

from starlette.types import Receive, Scope, Send

from app.api.errors import Fault, fault_of
from app.api.exchange import Exchange
from app.api.lifecycle import Lifecycle
from app.logic.answer import Call, Endpoint, Failure
from app.logic.record import Record
from app.logic.router import Router, UnknownModel

GENERATE_EVERY_S = 10.0  # a probe asks often; a generated token costs


class Health:
    """An app that has been told to stop is not ready: it wants no new traffic, and still answers what comes."""

    def __init__(self, router: Router, lifecycle: Lifecycle) -> None:
        self._router = router
        self._lifecycle = lifecycle
        self._lock = asyncio.Lock()
        self._generated: tuple[float, Fault | None] | None = None

    async def live(self, scope: Scope, receive: Receive, send: Send) -> None:
        await Exchange(scope, receive, send).json({"status": "live"})

    async def ready(self, scope: Scope, receive: Receive, send: Send) -> None:
        exchange = Exchange(scope, receive, send)
        if self._lifecycle.draining:
            await exchange.json({"status": "draining"}, status=503)
        elif await self._router.ready():
            await exchange.json({"status": "ready"})
        else:
            await exchange.json({"status": "loading", "waits_for": self._lifecycle.waits_for()}, status=503)

    async def generate(self, scope: Scope, receive: Receive, send: Send) -> None:
        exchange = Exchange(scope, receive, send)
        async with self._lock:
            if self._generated is None or time.monotonic() - self._generated[0] > GENERATE_EVERY_S:
                self._generated = (time.monotonic(), await self._generate(exchange.request_id))
        checked_at, fault = self._generated
        if fault is not None:
            await exchange.refuse(fault)
            return
        await exchange.json({"status": "generates", "age_s": round(time.monotonic() - checked_at, 1)})

    async def _generate(self, request_id: str) -> Fault | None:
        """Asks the default model for one token; None when it came."""
        message = {"role": "user", "content": "Say yes."}
        call = Call(
            endpoint=Endpoint.CHAT, model="", body={"messages": [message], "max_tokens": 1}, request_id=request_id
        )
        try:
            reply = await self._router.open(call, Record(request_id=request_id, started_at=time.monotonic()))
        except Failure as failure:
            return fault_of(failure)
        except UnknownModel as error:
            return Fault(503, str(error), type="server_error", code="misconfigured")
        await reply.aclose()
        return None
