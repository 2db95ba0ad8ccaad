"""Takes a call to the backends of its model, in order, and hands back the first answer that shows content."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from app.logic.answer import FINAL, Answer, Backend, Batch, Call, Failure, Kind
from app.logic.price import Rates
from app.logic.record import Attempt, Measured, Record
from app.logic.routes import Limits, ModelRoute, Routes, nearest
from app.logic.watchdog import Watchdog
from app.wire.events import End, Wire


class UnknownModel(LookupError):
    """The caller named a model that no route has; the text lists those that there are."""


@dataclass(frozen=True, slots=True)
class Target:
    """A public model and the backends that answer for it, in the order in which they are asked."""

    route: ModelRoute
    backends: tuple[Backend, ...]


class Reply:
    """A caller's answer while it arrives: iterate once, to the end. What it learnt on the way stands in its fields."""

    def __init__(self, answer: Answer, record: Record, rates: Rates | None, deadline: float, limits: Limits) -> None:
        self.record = record
        self.attempt = record.attempts[-1]
        self.backend = self.attempt.backend
        self.end: End | None = None
        self._rates = rates
        self._answer = answer
        self._deadline = deadline
        self._limits = limits
        self._watchdog = Watchdog(answer.abort)
        self._stream = aiter(answer)
        self._before: list[Batch] = []

    @property
    def wire(self) -> Wire:
        return self._answer.wire

    async def first_content(self, by: float) -> None:
        """Waits until content has come, or the end, at most until ``by`` in the time of ``time.monotonic``. Raises Failure."""
        self._watchdog.until(by, Kind.FIRST_TOKEN_LATE if by < self._deadline else Kind.DEADLINE)
        while True:
            batch = await self._next()
            if batch is None:
                return
            self._before.append(batch)
            if batch.progress:
                self.attempt.first_content_at = time.monotonic()
                self.record.content(self.attempt.first_content_at)
            if batch.progress or batch.end:
                return

    async def batches(self) -> AsyncGenerator[Batch]:
        """Every batch, those before the first content too. Raises Failure when the answer does not come to its end.

        While the reader is busy with a batch only the total limit runs: a slow reader is no fault of the backend.
        """
        for first in self._before:
            self._pause()
            yield first
        left_s = self._limits.between_tokens_s
        while True:
            asked_at = self._expect_content(left_s)
            batch = await self._next()
            if batch is None:
                return
            now = time.monotonic()
            if batch.progress:
                self.record.content(now)
                left_s = self._limits.between_tokens_s
            else:
                left_s -= now - asked_at
            self._pause()
            yield batch

    async def _next(self) -> Batch | None:
        """The next batch; None after the end."""
        try:
            batch = await anext(self._stream)
        except StopAsyncIteration:
            if self.end is None:
                raise Failure(Kind.CUT, f"backend '{self.backend}' ended its answer half-way", billed="maybe") from None
            return None
        except Failure:
            if self._watchdog.expired:
                raise late(self._watchdog.expired, self.backend, self._limits) from None
            raise
        if batch.end:
            self.end = batch.end
            self.record.finish = batch.end.reason
            self._watchdog.stop()
        return batch

    def _expect_content(self, within_s: float) -> float:
        """From now on the next content is awaited; gives the time."""
        now = time.monotonic()
        if self.end is None:
            at = now + within_s
            self._watchdog.until(min(at, self._deadline), Kind.STALLED if at < self._deadline else Kind.DEADLINE)
        return now

    def _pause(self) -> None:
        if self.end is None:
            self._watchdog.until(self._deadline, Kind.DEADLINE)

    def abort(self) -> None:
        """The caller is gone: the backend's connection is closed at once."""
        self._answer.abort()

    async def aclose(self) -> None:
        self._watchdog.stop()
        self._account()
        await self._answer.aclose()

    def _account(self) -> None:
        attempt = self.attempt
        if attempt.ended_at is not None:
            return
        attempt.ended_at = time.monotonic()
        usage = self.end.usage if self.end else self._answer.usage
        if usage is not None:
            attempt.usage = usage
            attempt.measured = Measured.REPORTED if self.end else Measured.PARTIAL
            attempt.picodollars = self._rates.cost(usage) if self._rates else None


def note_failure(record: Record, failure: Failure) -> None:
    """Notes in the running attempt why it failed."""
    attempt = record.attempts[-1]
    attempt.failure, attempt.reason = failure.kind, failure.message
    if attempt.ended_at is None:
        attempt.ended_at = time.monotonic()


def late(kind: Kind, backend: str, limits: Limits) -> Failure:
    """The failure of a backend that passed a time limit."""
    text = {
        Kind.FIRST_TOKEN_LATE: f"sent no content within {limits.first_token_s:g} s",
        Kind.STALLED: f"sent no content for {limits.between_tokens_s:g} s in the middle of its answer",
        Kind.DEADLINE: f"did not finish within {limits.total_s:g} s",
    }[kind]
    return Failure(kind, f"backend '{backend}' {text}", billed="maybe")


class Router:
    """Knows the routes and their backends; holds what requests share."""

    def __init__(self, routes: Routes, backends: Mapping[str, Backend], rates: Mapping[str, Rates]) -> None:
        self.routes = routes
        self._rates = dict(rates)
        self._default = routes.default_model
        self._backends = dict(backends)
        self.targets = {
            name: Target(route, tuple(backends[use.use] for use in route.backends))
            for name, route in routes.models.items()
        }

    def target(self, model: str) -> tuple[str, Target]:
        """The public name and its target; an empty name means the default model. Raises UnknownModel."""
        name = model or self._default
        target = self.targets.get(name)
        if target is None:
            what = (
                f"model '{model}' is not known."
                if model
                else "the request names no model and the routes have no default_model."
            )
            raise UnknownModel(f"{what}{nearest(name, self.targets)}")
        return name, target

    async def open(self, call: Call, record: Record) -> Reply:
        """The first backend's answer that shows content; each try is noted in ``record``.

        Raises the last Failure when none shows any, UnknownModel before any attempt.
        """
        name, target = self.target(call.model)
        limits = target.route.limits
        deadline = time.monotonic() + limits.total_s
        call = _prepared(call, name, target.route)
        failure: Failure | None = None
        able = [backend for backend in target.backends if call.endpoint in backend.endpoints]
        for backend in able:
            try:
                return await self._attempt(call, backend, record, deadline, limits)
            except Failure as error:
                failure = error
                note_failure(record, error)
                if error.kind in FINAL:
                    break
        if failure is None:
            raise Failure(Kind.BAD_REQUEST, f"model '{name}' has no backend that offers {call.endpoint}", param="model")
        raise failure

    async def _attempt(self, call: Call, backend: Backend, record: Record, deadline: float, limits: Limits) -> Reply:
        now = time.monotonic()
        attempt = Attempt(backend=backend.name, vendor_model=backend.model, started_at=now)
        record.attempts.append(attempt)
        if record.trace is not None:
            attempt.span_id = secrets.token_hex(8)
            call = replace(call, trace_headers=record.trace.headers(attempt.span_id))
        by = min(deadline, now + limits.first_token_s)
        try:
            async with asyncio.timeout_at(by):
                answer = await backend.open(call, deadline)
        except TimeoutError:
            kind = Kind.FIRST_TOKEN_LATE if by < deadline else Kind.DEADLINE
            raise late(kind, backend.name, limits) from None
        reply = Reply(answer, record, self._rates.get(backend.name), deadline, limits)
        try:
            await reply.first_content(by)
        except BaseException:
            await reply.aclose()
            raise
        return reply

    async def ready(self) -> bool:
        """Whether every backend that loads a model of its own has loaded it."""
        return all([await backend.ready() for backend in self._backends.values()])

    async def aclose(self) -> None:
        for backend in self._backends.values():
            await backend.aclose()


def _prepared(call: Call, name: str, route: ModelRoute) -> Call:
    """The call with the operator's system prompt in front of the caller's messages."""
    body: dict[str, Any] = dict(call.body)
    if route.system_prompt and "messages" in body:
        body["messages"] = [{"role": "system", "content": route.system_prompt}, *body["messages"]]
    return Call(
        endpoint=call.endpoint,
        model=name,
        body=body,
        stream=call.stream,
        include_usage=call.include_usage,
        request_id=call.request_id,
        connect_s=route.limits.connect_s,
    )
