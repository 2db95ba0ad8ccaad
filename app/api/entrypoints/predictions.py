"""A prediction service's one path: many requests in a body, all answered in one, or a single request of OpenAI's API, answered as that.

The caller's own mistakes refuse a body before anything is spent. What goes wrong later stands in the place of the one answer that it
concerns, because the others are paid for; the status says so only when no answer came at all.
"""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, Raw, UnsetType
from starlette.types import Message, Receive, Scope, Send

from app.api import bodies
from app.api.completions import Completions, Timing, in_wire
from app.api.dialects import openai
from app.api.dialects.openai import OpenAI, error_body
from app.api.dialects.paths import DIALECTS
from app.api.errors import OUR_DEFECT, Fault
from app.api.exchange import Exchange
from app.api.requests import Request, Requests
from app.logic.admission.body_bytes import Full
from app.logic.answer import Call, Endpoint

MAX_INSTANCES = 128  # twice the default of Vertex AI's batch jobs (ManualBatchTuningParameters, checked 2026-12-01)
AT_ONCE = 16  # of one body: the others wait here, so that they leave room for other callers' in the queue
EXACT = 2.0**53  # up to which a double tells every whole number from the next
KINDS = {"messages": openai.CHAT, "prompt": openai.COMPLETIONS, "input": openai.EMBEDDINGS}


class _Outline(msgspec.Struct):
    """The fields by which a body is known, most telling first; nothing of it is decoded."""

    instances: Raw | UnsetType = UNSET
    messages: Raw | UnsetType = UNSET
    prompt: Raw | UnsetType = UNSET
    input: Raw | UnsetType = UNSET


class _Body(msgspec.Struct):
    """``parameters``: the fields of every instance that does not have its own."""

    instances: Annotated[list[dict[str, Any]], Meta(min_length=1, max_length=MAX_INSTANCES)]
    parameters: dict[str, Any] | None = None


class Predictions:
    """A raw ASGI endpoint. A single request is read as on the other path of the same name, where there is one, else by its fields."""

    def __init__(self, requests: Requests, timing: Timing, path: str) -> None:
        self._requests = requests
        self._timing = timing
        self._single = {
            kind: Completions(requests, DIALECTS.get(path, dialect), timing) for kind, dialect in KINDS.items()
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        exchange = Exchange(scope, receive, send)
        with self._requests.admission.bodies.share() as share:
            try:
                body = await exchange.body(self._timing.body_s, share.grow)
                kind = _kind_of(body)
                calls = _calls(body, exchange.request_id) if kind == "instances" else []
            except (Fault, Full, ConnectionAbortedError) as why:
                await self._refuse(exchange, why)
                return
            if calls:
                await self._answer(calls, exchange)
                return
        await self._single[kind](scope, _once_more(body, receive), send)

    async def _refuse(self, exchange: Exchange, why: Exception) -> None:
        """Recorded as one request, whatever it was to become."""
        try:
            async with self._begin(exchange, exchange.request_id, Endpoint.CHAT):
                raise why
        except Fault as fault:
            await exchange.refuse(fault)
        except ConnectionAbortedError:
            pass  # nobody is there to be answered

    def _begin(self, exchange: Exchange, request_id: str, endpoint: Endpoint) -> Request:
        return self._requests.begin(endpoint, request_id=request_id, key="", headers=exchange.request_headers)

    async def _answer(self, calls: list[Call], exchange: Exchange) -> None:
        line = asyncio.Semaphore(AT_ONCE)
        async with asyncio.TaskGroup() as group:
            asked = [group.create_task(self._predict(call, line, exchange)) for call in calls]
        answers = [task.result() for task in asked]
        if None in answers:
            return
        faults = [answer for answer in answers if isinstance(answer, Fault)]
        if len(faults) == len(answers):
            await exchange.refuse(faults[0])
            return
        predictions = [error_body(answer) if isinstance(answer, Fault) else answer or b"" for answer in answers]
        await exchange.whole(b'{"predictions":[%b]}' % b",".join(predictions))

    async def _predict(self, call: Call, line: asyncio.Semaphore, exchange: Exchange) -> bytes | Fault | None:
        """The answer to one instance, or what went wrong; None when the caller has left."""
        async with line:
            request = self._begin(exchange, call.request_id, call.endpoint)
            try:
                async with request:
                    with exchange.on_leaving(request.leave):
                        reply = await request.open(call)
                        answer = in_wire(reply.whole(), reply.wire, _DIALECTS[call.endpoint].wire)
                        await reply.aclose()
                        return answer
            except Fault as fault:
                return fault
            except ConnectionAbortedError:
                return None
            except Exception:  # noqa: BLE001 - the others are to be answered
                self._requests.defects.note(call.request_id)
                return OUR_DEFECT


_DIALECTS: dict[Endpoint, OpenAI] = {dialect.endpoint: dialect for dialect in KINDS.values()}
_outline = msgspec.json.Decoder(_Outline).decode


def _kind_of(body: bytes) -> str:
    """The field by which ``body`` is known; the usual one where there is none, for its dialect says what is missing."""
    try:
        outline = _outline(body)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return "messages"
    return next((kind for kind in outline.__struct_fields__ if getattr(outline, kind) is not UNSET), "messages")


def _once_more(body: bytes, receive: Receive) -> Receive:
    """``body``, which has been read, and then whatever comes."""
    read: list[Message] = [{"type": "http.request", "body": body}]

    async def message() -> Message:
        return read.pop() if read else await receive()

    return message


def _calls(body: bytes, request_id: str) -> list[Call]:
    """What the instances ask for. Raises Fault, whose message and ``param`` say which one is wrong."""
    try:
        asked = bodies.converted(_exact(bodies.parse(body)), _Body)
    except RecursionError:
        raise bodies.too_deep() from None
    return [
        _call(number, (asked.parameters or {}) | instance, request_id)
        for number, instance in enumerate(asked.instances)
    ]


def _call(number: int, instance: dict[str, Any], request_id: str) -> Call:
    here = f"instances[{number}]"
    try:
        kind = next((kind for kind in KINDS if kind in instance), None)
        if kind is None:
            raise Fault(400, f"it has none of {', '.join(KINDS)}, by which a request of OpenAI's API is known")
        call = KINDS[kind].check(instance, f"{request_id}-{number}")
        if call.stream:
            raise Fault(
                400,
                "an answer among others is whole: leave 'stream' out, or send the request by itself",
                param="stream",
            )
    except Fault as fault:
        param = f"{here}.{fault.param}" if fault.param else here
        raise Fault(fault.status, f"{here}: {fault.message}", param=param, code=fault.code) from None
    return call


def _exact(value: Any) -> Any:
    """Whole numbers as such: on its way through google.protobuf.Value every number becomes a double, and 5 may be written 5.0."""
    if isinstance(value, dict):
        return {name: _exact(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_exact(each) for each in value]
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) <= EXACT else value
