"""How LitServe's worker makes batches of requests and tells each caller its own part of the answers.

LitServe's own loop for batches that stream (BatchedStreamingLoop in 0.2.19, read 2026-12-01) fails a whole batch with the one request that
cannot be decoded, ends each answer with the longest of its batch, asks an empty queue a thousand times a second, and cannot say why an answer
ended. This one uses the same hooks of a pipeline in the same order, and does none of that.
"""

from __future__ import annotations

import contextlib
import json
import logging
import sys
import time
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from queue import Empty
from typing import Any

from fastapi import HTTPException
from litserve import LitAPI
from litserve.loops.base import LitLoop, _inject_context
from litserve.utils import LitAPIStatus, LoopResponseType

from app.engines.litserve_pipeline import Piece, Usage, piece

log = logging.getLogger("litserve")
_IDLE_S = 1.0
_FAILED = "the pipeline failed: see the log"


class Cut:
    """The text of an answer up to the first of ``stops``. What may be the beginning of one is held back."""

    def __init__(self, stops: Sequence[str]) -> None:
        self._stops = stops
        self._held = ""

    def feed(self, text: str) -> tuple[str, bool]:
        """What may be shown now, and whether a stop was reached."""
        text = self._held + text
        if found := [at for stop in self._stops if (at := text.find(stop)) >= 0]:
            self._held = ""
            return text[: min(found)], True
        held = max((_overlap(text, stop) for stop in self._stops), default=0)
        self._held = text[len(text) - held :]
        return text[: len(text) - held], False

    def rest(self) -> str:
        return self._held


def _overlap(text: str, stop: str) -> int:
    """The length of the longest end of ``text`` with which ``stop`` begins."""
    return next((n for n in range(min(len(text), len(stop) - 1), 0, -1) if text.endswith(stop[:n])), 0)


class Joined:
    """Text whose characters outside the basic plane come whole: half of a surrogate pair is held back until the next piece."""

    def __init__(self) -> None:
        self._held = ""

    def feed(self, text: str, *, is_last: bool) -> str:
        text = self._held + text
        self._held = "" if is_last or not "\ud800" <= text[-1:] <= "\udbff" else text[-1]
        return joined(text[: len(text) - len(self._held)])


def joined(text: str) -> str:
    """With surrogate pairs as characters; a half without its other is U+FFFD, since UTF-8 has no form for it."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


@dataclass(slots=True, kw_only=True)
class _Row:
    """One request of a batch."""

    caller: tuple[int, Any]  # response queue and uid
    decoded: Any
    cut: Cut
    context: dict[str, Any]
    usage: Usage | None = None
    is_over: bool = False
    joined: Joined = field(default_factory=Joined)

    def take(self, said: Piece) -> Piece:
        """``said`` as its caller gets it."""
        self.usage = said.usage or self.usage
        text, stopped = self.cut.feed(self.joined.feed(said.text, is_last=said.finish is not None))
        finish = "stop" if stopped else said.finish
        if finish and not stopped:
            text += self.cut.rest()
        self.is_over = finish is not None
        return Piece(text, finish, self.usage)


class Batches(LitLoop):
    """The worker's loop: ``predict`` is always given a list, of one request if there are no more."""

    def run(
        self,
        lit_api: Any,
        device: str,
        worker_id: int,
        request_queue: Any,
        transport: Any,
        workers_setup_status: Any,
        callback_runner: Any,
    ) -> None:
        try:
            taken = _together(request_queue, lit_api.spec.asking, lit_api.max_batch_size, lit_api.batch_timeout)
        except (EOFError, ConnectionError):
            sys.exit(0)  # LitServe's other processes are gone
        rows = [row for each in taken if (row := self._row(lit_api, transport, each)) is not None]
        if not rows:
            return
        try:
            for yielded in _steps(lit_api, rows):
                for row, each in zip(rows, yielded, strict=True):
                    if not row.is_over:
                        self._tell(transport, row, piece(each))
                if all(row.is_over for row in rows):
                    break
            for row in rows:
                if not row.is_over:
                    self._tell(transport, row, Piece("", "stop"))
        except (Exception, SystemExit) as error:
            log.exception("the pipeline failed in a batch of %d", len(rows))
            for row in rows:
                if not row.is_over:
                    self._fail(transport, row.caller, error)

    def _row(self, lit_api: Any, transport: Any, taken: Any) -> _Row | None:
        """None where the request cannot be decoded, which its caller is told."""
        queue, uid, _, request = taken
        try:
            context: dict[str, Any] = request.model_dump(exclude={"messages"})
            decoded = _inject_context(context, lit_api.decode_request, request)
            return _Row(caller=(queue, uid), decoded=decoded, cut=Cut(request.stops), context=context)
        except (Exception, SystemExit) as error:
            if not isinstance(error, HTTPException):
                log.exception("the pipeline failed to decode a request")
            self._fail(transport, (queue, uid), error)
            return None

    def _tell(self, transport: Any, row: _Row, said: Piece) -> None:
        told = row.take(said)
        if told.text or told.finish:
            self.put_response(transport, *row.caller, told, LitAPIStatus.OK, LoopResponseType.STREAMING)

    def _fail(self, transport: Any, caller: tuple[int, Any], error: BaseException) -> None:
        told = plain(error) if isinstance(error, HTTPException) else HTTPException(500, _FAILED)
        self.put_response(transport, *caller, told, LitAPIStatus.ERROR, LoopResponseType.STREAMING)


def plain(error: HTTPException) -> HTTPException:
    """``error`` so that it goes to another process and into an answer, whatever a pipeline put into it."""
    try:
        status = error.status_code
        is_error = type(status) is int and 400 <= status <= 599  # others have no body, or would pass for an answer
        return HTTPException(status if is_error else 500, _json(error.detail), _headers(error.headers))
    except Exception:
        log.exception("the pipeline refused a request with what is no answer")
        return HTTPException(500, _FAILED)


def _json(detail: Any) -> Any:
    try:
        text = json.dumps(detail, default=str, allow_nan=False, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError):  # a key that is no text, nan, itself within itself
        text = json.dumps(str(detail), ensure_ascii=False)
    return json.loads(joined(text))


def _headers(given: Mapping[str, Any] | None) -> dict[str, str] | None:
    """Retry-After alone: others could contradict the answer that they stand on, and the app reads none of them."""
    kept = {str(name).lower(): str(value) for name, value in (given or {}).items()}
    after = kept.get("retry-after", "")
    return {"retry-after": after} if after.isascii() and after.isprintable() and after else None


def _together(request_queue: Any, asking: Container[Any], most: int, wait_s: float) -> list[Any]:
    """Requests that came within ``wait_s`` of the first; none where none came for a while. One whose caller has left is passed over."""
    taken: list[Any] = []
    deadline = time.monotonic() + _IDLE_S
    with contextlib.suppress(Empty):
        while len(taken) < most:
            request = request_queue.get(timeout=max(0.0, deadline - time.monotonic()))
            if request[1] not in asking:
                continue
            if not taken:
                deadline = time.monotonic() + wait_s
            taken.append(request)
    return taken


def _for_each(yielded: Any, rows: int) -> Sequence[Any]:
    """What was yielded for each of ``rows`` requests. Raises TypeError."""
    if not isinstance(yielded, Sequence) or isinstance(yielded, str | bytes):
        raise TypeError(
            f"predict yielded {yielded!r}: it must be a list or tuple with a value for each request of its batch ({rows})"
        )
    if len(yielded) != rows:
        raise TypeError(
            f"predict yielded {len(yielded)} values: there must be one for each request of its batch ({rows})"
        )
    return yielded


def _steps(lit_api: Any, rows: Sequence[_Row]) -> Iterator[Sequence[Any]]:
    """What the pipeline yields, a value for each row at a time. Raises TypeError where it is no such thing."""
    contexts = [row.context for row in rows]
    batch = _inject_context(contexts, lit_api.batch, [row.decoded for row in rows])
    answers = _inject_context(contexts, lit_api.predict, batch)
    if type(lit_api).unbatch is not LitAPI.unbatch:  # LitAPI's own makes a list of anything: of a dict, its keys
        answers = _inject_context(contexts, lit_api.unbatch, answers)
    parted = (_for_each(yielded, len(rows)) for yielded in answers)
    steps: Iterator[Sequence[Any]] = _inject_context(contexts, lit_api.encode_response, parted)
    return steps
