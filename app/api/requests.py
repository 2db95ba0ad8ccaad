"""Requests under way, for every endpoint, HTTP or WebSocket: answered through the router, stopped from outside, recorded when over."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Protocol

from msgspec.structs import replace

from app.api import bodies
from app.api.defects import Defects
from app.api.errors import Fault, fault_of
from app.api.lifecycle import Lifecycle
from app.logic.admission.admission import Admission
from app.logic.admission.body_bytes import Full
from app.logic.answer import Call, Endpoint, Failure, Kind
from app.logic.record import Observer, Record, Trace
from app.logic.router import Reply, Router, UnknownModel

SESSION_HEADER = b"x-session-id"  # what the requests of one conversation may have in common
MAX_SESSION_BYTES = 128


class Tracing(Protocol):
    def begin(self, headers: Mapping[bytes, bytes]) -> Trace:
        """Where a request with these headers stands in its caller's trace, or at the start of a new one."""
        ...


class Requests:
    """Begins requests. ``observers`` are told of each when it is over; prompts are kept for them only with ``log_prompts``."""

    def __init__(
        self,
        router: Router,
        lifecycle: Lifecycle,
        observers: Sequence[Observer] = (),
        *,
        tracing: Tracing | None = None,
        log_prompts: bool = False,
        defects: Defects | None = None,
    ) -> None:
        self.router = router
        self.lifecycle = lifecycle
        self.observers = observers
        self.log_prompts = log_prompts
        self.admission = Admission()
        self.defects = defects or Defects()
        self._tracing = tracing

    def begin(self, endpoint: Endpoint, *, request_id: str, key: str, headers: Mapping[bytes, bytes]) -> Request:
        """A request that is recorded from now on; enter it."""
        record = Record(request_id=request_id, started_at=time.monotonic(), endpoint=endpoint, key=key)
        record.session = _session(headers.get(SESSION_HEADER, b""))
        if self._tracing is not None:
            record.trace = self._tracing.begin(headers)
        return Request(self, record)


class Request:
    """One caller's request, from its arrival to the end of its answer; it may be stopped at any moment, by whoever has a reason.

    What goes wrong inside leaves it as a Fault that can be told to the caller, or as the reason given to ``stop``. ``share``: the bytes
    that are held for it, until it is over.
    """

    def __init__(self, requests: Requests, record: Record) -> None:
        self.record = record
        self.share = requests.admission.bodies.share()
        self._requests = requests
        self._why: Exception | None = None
        self._opening: asyncio.Task[object] | None = None  # the task that waits for the first content
        self._reply: Reply | None = None
        self._body: Mapping[str, Any] = {}

    async def __aenter__(self) -> Request:
        """Raises Fault when no new work is taken."""
        self._requests.lifecycle.begin(self)
        return self

    async def open(self, call: Call) -> Reply:
        """Asks the backends; the reply at its first content. Raises UnknownModel, Failure, or what ``stop`` was told."""
        router, record = self._requests.router, self.record
        record.asked_at = time.monotonic()
        record.stream, self._body = call.stream, call.body
        if self._requests.log_prompts:
            record.prompt = _prompt(call.body)
        record.model, _ = router.target(call.model)
        if self._why is not None:
            raise self._why
        call = replace(call, key=record.key, session=record.session, share=self.share)
        opening = self._opening = asyncio.current_task()
        try:
            self._reply = await router.open(call, record)
        finally:
            self._opening = None
            if self._why is not None and opening is not None:
                opening.uncancel()  # it was ``stop`` that cancelled it, and what it has to say is said below
        if self._why is not None:
            raise self._why
        return self._reply

    def stop(self, why: Exception) -> None:
        """Closes the backend's connection at once, so that it stops generating."""
        if self._why is not None:
            return
        self._why = why
        if self._reply is not None:
            self._reply.abort()
        elif self._opening is not None:
            self._opening.cancel()

    def leave(self) -> None:
        """The caller is gone."""
        self.stop(ConnectionAbortedError("the caller left"))

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        told = self._told(error)
        self.record.outcome = _outcome(told)
        try:
            if self._reply is not None:
                await self._reply.aclose()
        finally:
            self.share.close()
            self._requests.lifecycle.end(self)
            self.record.ended_at = time.monotonic()
            for observer in self._requests.observers:
                observer.request_ended(self.record)
        self._why = None
        try:
            if told is not error:
                assert told is not None
                raise told from error
        finally:
            del (
                told,
                error,
                traceback,
            )  # they refer to this frame, which would keep the whole answer until cycles are looked for

    def _told(self, error: BaseException | None) -> BaseException | None:
        """What the caller is to hear of ``error``. A backend is not blamed for an answer that was stopped."""
        match error:
            case Failure() | asyncio.CancelledError() if self._why is not None and not _cancelled():
                return self._why
            case UnknownModel():
                return Fault(404, str(error), param="model", code="model_not_found")
            case Failure():
                return fault_of(error)
            case RecursionError() if bodies.is_deep(self._body):
                return bodies.too_deep()
            case Full():
                return fault_of(Failure(Kind.BUSY, str(error), status=429, retry_after_s=error.retry_after_s))
        return error


def _session(given: bytes) -> str:
    """A long id is kept as its digest: it is remembered for longer than its request, and a header may have 64 KiB."""
    return given.decode("latin-1") if len(given) <= MAX_SESSION_BYTES else hashlib.sha256(given).hexdigest()


def _cancelled() -> bool:
    """Whether this very task was cancelled, not just something that it waited for."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _outcome(error: BaseException | None) -> str:
    match error:
        case None:
            return "ok"
        case Fault():
            return error.outcome
        case ConnectionAbortedError():
            return "client_gone"
        case asyncio.CancelledError():
            return "cut"  # the app stopped while a caller who reads too slowly was still being served
    return "internal_error"


def _prompt(body: Mapping[str, Any]) -> Any:
    return next((body[name] for name in ("messages", "prompt", "input") if name in body), None)
