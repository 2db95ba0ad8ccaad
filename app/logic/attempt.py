"""One try at one backend: opened and read within its limits, counted while it runs, accounted when it is over."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections.abc import AsyncGenerator

from msgspec.structs import replace

from app.logic import defects, estimate
from app.logic.answer import Answer, Batch, Call, Endpoint, Failure, Kind
from app.logic.backend_state import BackendState
from app.logic.circuit import COUNTS, Sent
from app.logic.record import AttemptRecord, Measured, Record
from app.logic.routes import Limits
from app.logic.transcript import Transcript, read_whole, whole_of, words
from app.logic.translated import UNREADABLE, writable
from app.logic.watchdog import Watchdog
from app.wire.events import End, Event, Usage, Wire


class Attempt:
    """Made by ``start``. Iterate ``batches`` once; close it whatever happened. What is learnt on the way stands in ``noted``.

    ``joins``: the backend streams, and the caller gets it as one whole answer.
    """

    def __init__(
        self,
        state: BackendState,
        sent: Sent,
        answer: Answer,
        call: Call,
        record: Record,
        limits: Limits,
        deadline: float,
        *,
        joins: bool = False,
    ) -> None:
        self.state = state
        self._joins = joins
        self._sent = sent
        self.noted = record.attempts[-1]
        self.record = record
        self.end: End | None = None
        self.transcript = Transcript()
        answer = writable(answer, state.name, stream=call.stream or joins, include_usage=call.include_usage or joins)
        self._answer = answer
        self._call = call
        self._limits = limits
        silent = state.member.ability.thinks or bool(call.body.get("tools"))
        self._between_s = limits.between_tokens(silent=silent)
        self._deadline = deadline
        self._watchdog = Watchdog(answer.abort)
        self._stream = aiter(answer)
        self._before: list[Batch] = []
        self._first_s = 0.0
        self._closed = self._is_aborted = False
        self.is_shown = True  # whether the caller sees what came

    @property
    def wire(self) -> Wire:
        return Wire.OPENAI_CHAT if self._joins else self._answer.wire

    @property
    def ignored(self) -> frozenset[str]:
        return self._answer.ignored

    @property
    def counted(self) -> Usage | None:
        """The backend's own count so far; None where it gave none."""
        return self._answer.usage

    async def content(self, by: float, *, whole: bool) -> None:
        """Waits until content has come, by ``by``; with ``whole``, until the end has. Raises Failure."""
        self._first_s = by - self.noted.started_at
        self._watchdog.until(by, Kind.FIRST_TOKEN_LATE if by < self._deadline else Kind.DEADLINE)
        while True:
            batch = await self._next()
            if batch is None:
                return
            self._before.append(batch)
            if self._joins:
                self.transcript.add(batch)
            if batch.progress:
                self.noted.first_content_at = self.noted.first_content_at or time.monotonic()
                self._expect_content(self._between_s)
            if batch.end or (batch.progress and not whole):
                break
        if self._joins and self.end is not None:
            self._before = [self._joined(self.end)]

    def _joined(self, end: End) -> Batch:
        """All that came as one whole answer. Raises Failure where a vendor's chunks are of a shape that cannot be put together."""
        try:
            raw = whole_of([part.raw for part in self._before], self._answer.wire)
        except UNREADABLE:
            text = f"backend '{self.state.name}' sent a stream that makes no whole answer"
            raise Failure(Kind.GARBLED, text, reason=text, billed="yes") from None
        return Batch(raw, Wire.OPENAI_CHAT, progress=True, end=end)

    def whole(self) -> list[Batch]:
        """All that came of an answer that is not streamed."""
        for batch in self._before:
            if batch.progress:
                self.record.content(time.monotonic())
        return self._before

    async def batches(self) -> AsyncGenerator[Batch]:
        """Every batch, those before the first content too. Raises Failure when the answer does not come to its end.

        While the reader is busy with a batch only the total limit runs: a slow reader is no fault of the backend.
        """
        for first in self._before:
            self._pause()
            if not self._joins:
                self.transcript.add(first)
            if first.progress:
                self.record.content(time.monotonic())
            yield first
        left_s = self._between_s
        while self.end is None:
            asked_at = self._expect_content(left_s)
            batch = await self._next()
            if batch is None:
                return
            now = time.monotonic()
            self.transcript.add(batch)
            if batch.progress:
                waited_s = self._between_s - left_s + now - asked_at  # the reader's time is left out
                self.record.content(now, waited_s)
                left_s = self._between_s
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
                text = f"backend '{self.state.name}' ended half-way"
                raise Failure(Kind.CUT, text, reason=text, billed="maybe") from None
            return None
        except Failure:
            if self._watchdog.expired:
                raise late(
                    self._watchdog.expired, self.state.name, self._limits, self._first_s, self._between_s
                ) from None
            raise
        if batch.end:
            self.end = batch.end
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
        """The backend's connection is closed at once, which is no fault of the backend."""
        self._is_aborted = True
        self._answer.abort()

    async def close(self, failure: Failure | None = None) -> None:
        """Gives the place back and accounts; ``failure`` is what ended it, None for a complete answer or a caller that left."""
        if self._closed:
            return
        self._closed = True
        self._watchdog.stop()
        if self._is_aborted:
            self.state.abandoned(self._sent)
        elif failure is not None:
            note(self.noted, failure)
            self.state.failed(failure, self._sent)
        elif self.end is not None:
            self.state.completed()
            self._judge(self.end)
        self.noted.ended_at = time.monotonic()
        self._account()
        self.state.released()
        await self._answer.aclose()

    def _account(self) -> None:
        noted = self.noted
        usage = self.end.usage if self.end else self._answer.usage
        measured = Measured.REPORTED if self.end else Measured.PARTIAL
        is_counted = usage is not None and bool(
            (self.end and usage.completion) or self._call.endpoint is Endpoint.EMBEDDINGS
        )
        if noted.first_content_at is not None and not is_counted:
            guess = estimate.usage(self._call.body, self._said(), self.transcript.share)
            if usage is None or estimate.is_placeholder(usage, guess):
                usage, measured = estimate.completed(usage, guess), Measured.ESTIMATED
        if usage is None:
            return
        noted.usage, noted.measured = usage, measured
        rates = self.state.member.rates
        noted.picodollars = rates.cost(usage) if rates else None

    def _judge(self, end: End) -> None:
        """Notes what is wrong with a complete answer. One that goes on where another broke off may have nothing to add."""
        call, record = self._call, self.record
        if call.stream and self.noted.first_content_at is None:
            if record.first_content_at is None and call.endpoint is not Endpoint.EMBEDDINGS:
                self.noted.defect = defects.defect(call, end, ())
            return
        content = self._before[-1]
        if defects.is_suspect(call, end, content.raw):
            with contextlib.suppress(*UNREADABLE):
                events = self.transcript.read().events if call.stream else read_whole(content)
                self.noted.defect = defects.defect(call, end, events) if events else None

    def _said(self) -> str:
        """What the model wrote, for a guess at its tokens. Garbled bytes were never taken in."""
        if self._call.stream or self._joins:
            return self.transcript.read().words
        events: list[Event] = []
        with contextlib.suppress(*UNREADABLE):
            for batch in self._before:
                events += read_whole(batch)
        return words(events)


async def start(
    state: BackendState,
    call: Call,
    record: Record,
    limits: Limits,
    deadline: float,
    *,
    whole: bool,
    by: float,
    joins: bool = False,
) -> Attempt:
    """Asks one backend and waits until ``by`` for its first content, with ``whole`` for its end; with ``joins`` for both.

    Raises Failure; what failed is noted then.
    """
    now = time.monotonic()
    again = any(before.backend == state.name and before.failure in COUNTS for before in record.attempts)
    sent = Sent(now, record.started_at, again)
    noted = AttemptRecord(backend=state.name, vendor_model=state.member.backend.model, started_at=now)
    record.attempts.append(noted)
    if record.trace is not None:
        noted.span_id = secrets.token_hex(8)
        call = replace(call, trace_headers=record.trace.headers(noted.span_id))
    attempt: Attempt | None = None
    state.sent(sent)
    try:
        asked = replace(call, stream=True, include_usage=True) if joins else call
        try:
            async with asyncio.timeout_at(by):
                answer = await state.member.backend.open(asked, deadline)
        except TimeoutError:
            kind = Kind.FIRST_TOKEN_LATE if by < deadline else Kind.DEADLINE
            raise late(kind, state.name, limits, by - now) from None
        attempt = Attempt(state, sent, answer, call, record, limits, deadline, joins=joins)
        await attempt.content(by, whole=whole)
    except Failure as failure:
        if attempt is None:
            note(noted, failure)
            state.failed(failure, sent)
            state.released()
        else:
            await attempt.close(failure)
        raise
    except BaseException:
        state.abandoned(sent)
        if attempt is None:
            noted.ended_at = time.monotonic()
            state.released()
        else:
            await attempt.close()
        raise
    state.succeeded((noted.first_content_at or time.monotonic()) - now, sent)
    return attempt


def note(noted: AttemptRecord, failure: Failure) -> None:
    noted.failure, noted.reason = failure.kind, failure.reason
    noted.reported, noted.words = failure.reported, failure.message
    noted.is_callers_fault = failure.kind in (Kind.CONTEXT_TOO_LONG, Kind.BAD_REQUEST)
    noted.ended_at = noted.ended_at or time.monotonic()


def blame_backend(noted: AttemptRecord) -> None:
    """A refusal that was taken for the caller's fault was the backend's: an operator is to see it."""
    noted.failure, noted.is_callers_fault = Kind.MISCONFIGURED, False


def late(kind: Kind, backend: str, limits: Limits, first_s: float, between_s: float = 0.0) -> Failure:
    """The failure of a backend that passed a time limit; ``first_s`` is how long it had for its first content."""
    what = {
        Kind.FIRST_TOKEN_LATE: f"sent no content within {first_s:.3g} s",
        Kind.STALLED: f"sent no content for {between_s:g} s in the middle of its answer",
        Kind.DEADLINE: f"did not finish within {limits.total_s:g} s",
    }[kind]
    text = f"backend '{backend}' {what}"
    return Failure(kind, text, reason=text, billed="maybe")
