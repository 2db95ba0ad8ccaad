"""The generating endpoints: `/v1/chat`, `/v1/chat/completions`, `/v1/completions` and `/v1/embeddings`, one class for all."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from starlette.types import Receive, Scope, Send

from app.api import requests
from app.api.errors import Fault, fault_of
from app.api.exchange import Exchange
from app.logic.answer import Batch, Call, Endpoint, Failure
from app.logic.price import usd
from app.logic.record import Observer, Record
from app.logic.router import Reply, Router, UnknownModel, note_failure
from app.wire import sse
from app.wire.codecs import READ, WRITTEN
from app.wire.events import Wire

COMMIT_AFTER_S = 15.0  # until then a failure still has its own status; after it the caller sees heartbeats
HEARTBEAT_S = 15.0


class Completions:
    """A raw ASGI endpoint that answers in ``wire``."""

    def __init__(self, router: Router, observers: Sequence[Observer], endpoint: Endpoint, wire: Wire) -> None:
        self._router = router
        self._observers = observers
        self._endpoint = endpoint
        self._wire = wire

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        exchange = Exchange(scope, receive, send)
        record = Record(
            request_id=exchange.request_id,
            started_at=time.monotonic(),
            endpoint=self._endpoint,
            key=scope.get("key_name", ""),
        )
        try:
            await self._serve(exchange, record)
        except Fault as fault:
            record.outcome = fault.error["code"] or "bad_request"
            await _refuse(exchange, fault)
        except ConnectionAbortedError:
            record.outcome = "client_gone"
        finally:
            record.ended_at = time.monotonic()
            for observer in self._observers:
                observer.request_ended(record)

    async def _serve(self, exchange: Exchange, record: Record) -> None:
        """Raises Fault, and ConnectionAbortedError when the caller left."""
        call = requests.read(await exchange.body(), self._endpoint, self._wire, exchange.request_id)
        record.stream = call.stream
        try:
            record.model, _ = self._router.target(call.model)
            await self._answer(call, exchange, record)
        except UnknownModel as error:
            raise Fault(404, str(error), param="model", code="model_not_found") from None
        except Failure as failure:
            if record.attempts:
                note_failure(record, failure)
            raise fault_of(failure) from failure
        record.outcome = "ok"

    async def _answer(self, call: Call, exchange: Exchange, record: Record) -> None:
        """Opens, watches for the caller's leaving, and sends. Raises Failure, and ConnectionAbortedError when the caller left."""
        opening = asyncio.create_task(self._router.open(call, record))
        leaving = asyncio.create_task(exchange.gone())
        reply: Reply | None = None

        def left(_task: asyncio.Task[None]) -> None:
            opening.cancel()
            if reply is not None:
                reply.abort()

        leaving.add_done_callback(left)
        try:
            if call.stream:
                await _hold(opening, exchange)
            reply = await opening
            if leaving.done():
                reply.abort()
            await self._send(call, reply, exchange)
        except (Failure, asyncio.CancelledError):
            if leaving.done() and not leaving.cancelled():
                raise ConnectionAbortedError from None
            raise
        finally:
            leaving.remove_done_callback(left)
            leaving.cancel()
            opening.cancel()
            if reply is not None:
                await reply.aclose()

    async def _send(self, call: Call, reply: Reply, exchange: Exchange) -> None:
        exchange.headers |= {
            "x-trimaran-model": reply.record.model,
            "x-trimaran-backend": reply.backend,
            "x-trimaran-attempts": str(len(reply.record.attempts)),
        }
        if not call.stream:
            await self._send_whole(reply, exchange)
            return
        if not exchange.started:
            await exchange.start_stream()
        translate = _translator(call, reply.wire, self._wire)
        async with contextlib.aclosing(reply.batches()) as batches:
            async for batch in batches:
                if raw := translate(batch):
                    await exchange.send(raw)
        await reply.aclose()
        await exchange.finish(b": trimaran " + msgspec.json.encode(_summary(reply)) + b"\n\n" + sse.DONE)

    async def _send_whole(self, reply: Reply, exchange: Exchange) -> None:
        raw = b"".join([batch.raw async for batch in reply.batches()])
        await reply.aclose()
        if reply.wire is not self._wire:
            raw = WRITTEN[self._wire].render_whole(READ[reply.wire].parse_whole(raw))
        if (cost := reply.record.picodollars) is not None:
            exchange.headers["x-trimaran-cost-usd"] = usd(cost)
        await exchange.whole(raw)


async def _refuse(exchange: Exchange, fault: Fault) -> None:
    if exchange.started:
        await exchange.finish(
            sse.event(fault.body())
        )  # the status is out: the error is an event, and no [DONE] follows
    else:
        await exchange.fault(fault)


async def _hold(opening: asyncio.Task[Reply], exchange: Exchange) -> None:
    """Waits for the first content; when that takes long, commits the status and keeps the connection warm."""
    done, _ = await asyncio.wait({opening}, timeout=COMMIT_AFTER_S)
    if not done:
        await exchange.start_stream()
    while not done:
        await exchange.send(sse.HEARTBEAT)
        done, _ = await asyncio.wait({opening}, timeout=HEARTBEAT_S)


def _translator(call: Call, spoken: Wire, wanted: Wire) -> Callable[[Batch], bytes]:
    """From a backend's batch to the caller's bytes: the same bytes where both speak the same wire."""
    if spoken is wanted:
        return lambda batch: batch.raw
    reader = READ[spoken].reader()
    writer = WRITTEN[wanted].writer(include_usage=call.include_usage)
    return lambda batch: writer.render(reader.read(batch.raw))


def _summary(reply: Reply) -> dict[str, Any]:
    """What is known only at the end of a stream."""
    record = reply.record
    summary: dict[str, Any] = {"backend": reply.backend, "attempts": len(record.attempts)}
    if (usage := record.usage) is not None:
        summary |= {"tokens_in": usage.prompt, "tokens_out": usage.completion}
    if (cost := record.picodollars) is not None:
        summary["cost_usd"] = usd(cost)
    return summary
