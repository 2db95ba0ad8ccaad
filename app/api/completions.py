"""The generating endpoints: `/v1/chat`, `/v1/chat/completions`, `/v1/completions` and `/v1/embeddings`, one class for all."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable

import msgspec
from starlette.types import Receive, Scope, Send

from app.api import requests
from app.api.errors import Fault, fault_of
from app.api.exchange import Exchange
from app.logic.answer import Batch, Call, Endpoint, Failure
from app.logic.router import Reply, Router, UnknownModel
from app.wire import sse
from app.wire.codecs import READ, WRITTEN
from app.wire.events import Wire

COMMIT_AFTER_S = 15.0  # until then a failure still has its own status; after it the caller sees heartbeats
HEARTBEAT_S = 15.0

log = logging.getLogger(__name__)


class Completions:
    """A raw ASGI endpoint that answers in ``wire``."""

    def __init__(self, router: Router, endpoint: Endpoint, wire: Wire) -> None:
        self._router = router
        self._endpoint = endpoint
        self._wire = wire

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        exchange = Exchange(scope, receive, send)
        try:
            call = requests.read(await exchange.body(), self._endpoint, self._wire, exchange.request_id)
            await self._answer(call, exchange)
        except Fault as fault:
            await self._refuse(exchange, fault)
        except UnknownModel as error:
            await self._refuse(exchange, Fault(404, str(error), param="model", code="model_not_found"))
        except Failure as failure:
            await self._refuse(exchange, fault_of(failure))
        except ConnectionAbortedError:
            log.info("request %s: the caller left", exchange.request_id)

    async def _refuse(self, exchange: Exchange, fault: Fault) -> None:
        if exchange.started:
            await exchange.finish(
                sse.event(fault.body())
            )  # the status is out: the error is an event, and no [DONE] follows
        else:
            await exchange.fault(fault)

    async def _answer(self, call: Call, exchange: Exchange) -> None:
        """Opens, watches for the caller's leaving, and sends. Raises what the router raises, ConnectionAbortedError when the caller left."""
        opening = asyncio.create_task(self._router.open(call))
        leaving = asyncio.create_task(exchange.gone())
        stop_opening: Callable[[object], object] = lambda _: opening.cancel()  # noqa: E731 - kept to be removed below
        leaving.add_done_callback(stop_opening)
        reply: Reply | None = None
        try:
            if call.stream:
                await self._hold(opening, exchange)
            reply = await opening
            running = reply
            leaving.add_done_callback(lambda _: running.abort())
            await self._send(call, reply, exchange)
        except (Failure, asyncio.CancelledError):
            if leaving.done() and not leaving.cancelled():
                raise ConnectionAbortedError from None
            raise
        finally:
            leaving.remove_done_callback(stop_opening)
            for task in (opening, leaving):
                task.cancel()
            if reply is not None:
                await reply.aclose()

    async def _hold(self, opening: asyncio.Task[Reply], exchange: Exchange) -> None:
        """Waits for the first content; when that takes long, commits the status and keeps the connection warm."""
        done, _ = await asyncio.wait({opening}, timeout=COMMIT_AFTER_S)
        if not done:
            await exchange.start_stream()
        while not done:
            await exchange.send(sse.HEARTBEAT)
            done, _ = await asyncio.wait({opening}, timeout=HEARTBEAT_S)

    async def _send(self, call: Call, reply: Reply, exchange: Exchange) -> None:
        model, _ = self._router.target(call.model)
        exchange.headers |= {
            "x-trimaran-model": model,
            "x-trimaran-backend": reply.backend,
            "x-trimaran-attempts": str(reply.attempts),
        }
        if not call.stream:
            raw = b"".join([batch.raw async for batch in reply.batches()])
            if reply.wire is not self._wire:
                raw = WRITTEN[self._wire].render_whole(READ[reply.wire].parse_whole(raw))
            await exchange.whole(raw)
            return
        if not exchange.started:
            await exchange.start_stream()
        translate = _translator(call, reply.wire, self._wire)
        async with contextlib.aclosing(reply.batches()) as batches:
            async for batch in batches:
                if raw := translate(batch):
                    await exchange.send(raw)
        summary = msgspec.json.encode({"backend": reply.backend, "attempts": reply.attempts})
        await exchange.finish(b": trimaran " + summary + b"\n\n" + sse.DONE)


def _translator(call: Call, spoken: Wire, wanted: Wire) -> Callable[[Batch], bytes]:
    """From a backend's batch to the caller's bytes: the same bytes where both speak the same wire."""
    if spoken is wanted:
        return lambda batch: batch.raw
    reader = READ[spoken].reader()
    writer = WRITTEN[wanted].writer(include_usage=call.include_usage)
    return lambda batch: writer.render(reader.read(batch.raw))
