"""The generating endpoints, one class for the paths of every dialect."""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass
from typing import Any

import msgspec
from starlette.types import Receive, Scope, Send

from app.api.dialects.dialect import Dialect
from app.api.errors import OUR_DEFECT, Fault
from app.api.exchange import Exchange
from app.api.requests import Request, Requests
from app.logic.answer import Batch, Call
from app.logic.price import usd
from app.logic.router import Reply
from app.wire.codecs import READ, WRITTEN
from app.wire.events import Wire


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """Seconds. Until ``commit_after_s`` a failure still has its own status; after it, the caller of a silent stream sees heartbeats."""

    commit_after_s: float = 20.0  # above the first backend's limit, so that a late one still leaves a real status
    heartbeat_s: float = 15.0
    body_s: float = 30.0


_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")  # of a field, which a caller may have made up, that fits into a header


class Completions:
    """A raw ASGI endpoint that reads and answers in ``dialect``."""

    def __init__(self, requests: Requests, dialect: Dialect, timing: Timing) -> None:
        self._requests = requests
        self._dialect = dialect
        self._wire = dialect.wire
        self._timing = timing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        exchange = Exchange(scope, receive, send)
        request = self._requests.begin(
            self._dialect.endpoint,
            request_id=exchange.request_id,
            key=scope.get("key_name", ""),
            headers=exchange.request_headers,
        )
        try:
            async with request:
                await self._serve(exchange, request)
        except Fault as fault:
            await exchange.refuse(fault)
        except ConnectionAbortedError:
            pass  # nobody is there to be answered
        except Exception:  # noqa: BLE001 - the connection may have more requests to come
            self._requests.defects.note(exchange.request_id)
            await exchange.refuse(OUR_DEFECT)
        finally:
            exchange.close()

    async def _serve(self, exchange: Exchange, request: Request) -> None:
        """Opens, watches for the caller's leaving, and sends. A stream that is silent for long is committed and kept warm."""
        call = self._dialect.read(await exchange.body(self._timing.body_s, request.share.grow), exchange.request_id)
        with exchange.on_leaving(request.leave):
            if call.stream:
                exchange.keep_warm(self._timing.commit_after_s, self._timing.heartbeat_s)
            await self._send(call, await request.open(call), exchange)

    async def _send(self, call: Call, reply: Reply, exchange: Exchange) -> None:
        exchange.headers |= {
            "x-trimaran-model": reply.record.model,
            "x-trimaran-backend": reply.backend,
            "x-trimaran-attempts": str(len(reply.record.attempts)),
        }
        if reply.ignored:
            exchange.headers["x-trimaran-ignored"] = ", ".join(sorted(filter(_NAME.fullmatch, reply.ignored)))
        if reply.degraded:
            exchange.headers["x-trimaran-degraded"] = reply.degraded
        if not call.stream:
            await self._send_whole(reply, exchange)
            return
        await exchange.start_stream()
        speech = _Unchanged(self._wire) if reply.wire is self._wire else _Translated(call, reply.wire, self._wire)
        last = b""
        async with contextlib.aclosing(reply.batches()) as batches:
            async for batch in batches:
                raw = speech.of(batch)
                if batch.end is not None:
                    last = raw  # it goes out together with what follows: one write less
                elif raw:
                    await exchange.send(raw)
        await reply.aclose()
        summary = msgspec.json.encode(_summary(reply))
        await exchange.finish(last + self._dialect.end(summary) + speech.end())

    async def _send_whole(self, reply: Reply, exchange: Exchange) -> None:
        raw = in_wire(reply.whole(), reply.wire, self._wire)
        await reply.aclose()
        if (cost := reply.record.picodollars) is not None:
            exchange.headers["x-trimaran-cost-usd"] = usd(cost)
        await exchange.whole(raw)


def in_wire(raw: bytes, spoken: Wire, wanted: Wire) -> bytes:
    """A whole answer as the caller's wire writes it."""
    return raw if spoken is wanted else WRITTEN[wanted].render_whole(READ[spoken].parse_whole(raw))


class _Unchanged:
    """The backend speaks the caller's wire: its bytes go on as they are. Its end mark was held back until the answer was complete."""

    def __init__(self, spoken: Wire) -> None:
        self._spoken = spoken

    def of(self, batch: Batch) -> bytes:
        return batch.raw

    def end(self) -> bytes:
        return WRITTEN[self._spoken].end_mark


class _Translated:
    """The backend speaks another wire than the caller."""

    def __init__(self, call: Call, spoken: Wire, wanted: Wire) -> None:
        self._reader = READ[spoken].reader()
        self._writer = WRITTEN[wanted].writer(include_usage=call.include_usage)

    def of(self, batch: Batch) -> bytes:
        return self._writer.render(self._reader.read(batch.raw))

    def end(self) -> bytes:
        return self._writer.end()


def _summary(reply: Reply) -> dict[str, Any]:
    """What is known only at the end of a stream."""
    record = reply.record
    summary: dict[str, Any] = {"backend": reply.backend, "attempts": len(record.attempts)}
    if record.rescues:
        summary["rescued"] = len(record.rescues)
    if reply.degraded:
        summary["degraded"] = reply.degraded  # the header could not say so where the status was out already
    if (usage := record.usage) is not None:
        summary |= {"tokens_in": usage.prompt, "tokens_out": usage.completion, "estimated": record.is_estimated}
    if (cost := record.picodollars) is not None:
        summary["cost_usd"] = usd(cost)
    return summary
